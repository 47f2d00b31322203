"""Whether what is installed has known holes: pip-audit's answer, or a line that says why there is none.

    python tests/audit.py

Fails only on a hole. pip-audit's exit code does not tell one from a database of advisories that cannot be reached.
"""

import json
import subprocess
import sys
from pathlib import Path

PATIENCE = 60.0
"""Seconds for all of it; one request has five."""


def main() -> int:
    command = [str(Path(sys.executable).with_name("pip-audit")), "--local", "--skip-editable", "--format", "json"]
    command += ["--vulnerability-service", "osv", "--timeout", "5", "--progress-spinner", "off"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        audited = json.loads(answer.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired) as error:
        return skipped(type(error).__name__)
    except (json.JSONDecodeError, KeyError):
        return skipped((answer.stderr.strip().splitlines() or ["no answer"])[-1][:200])
    holes = [
        f"{package['name']} {package['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'none'}"
        for package in audited
        for hole in package.get("vulns", ())
    ]
    print("\n".join([*holes, f"audit: {len(audited)} packages, {len(holes)} known holes"]))
    return 1 if holes else 0


def skipped(why: str) -> int:
    print(f"audit: skipped, since the advisories cannot be had ({why})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
