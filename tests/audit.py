"""Whether what is installed, or in requirements.lock, has known holes.

Prints pip-audit's answers, or why there are none.

    python tests/audit.py

Fails only on a hole. pip-audit's exit code does not tell one from a database of advisories that cannot be reached.
"""

import json
import subprocess
import sys
from pathlib import Path

PATIENCE = 60.0
"""Seconds for each audit; one request has five."""
LOCK = Path(__file__).parents[1] / "requirements.lock"
AUDITED = {
    "installed": ("--local", "--skip-editable"),
    LOCK.name: ("--requirement", str(LOCK), "--require-hashes", "--disable-pip"),
}


def main() -> int:
    return max(audit(name, options) for name, options in AUDITED.items())


def audit(name: str, options: tuple[str, ...]) -> int:
    command = [str(Path(sys.executable).with_name("pip-audit")), *options, "--format", "json"]
    command += ["--vulnerability-service", "osv", "--timeout", "5", "--progress-spinner", "off"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        audited = json.loads(answer.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired) as error:
        return skipped(name, type(error).__name__)
    except (json.JSONDecodeError, KeyError):
        return skipped(name, (answer.stderr.strip().splitlines() or ["no answer"])[-1][:200])
    holes = [
        f"{package['name']} {package['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'none'}"
        for package in audited
        for hole in package.get("vulns", ())
    ]
    print("\n".join([*holes, f"audit of {name}: {len(audited)} packages, {len(holes)} known holes"]))
    return 1 if holes else 0


def skipped(name: str, why: str) -> int:
    print(f"audit of {name}: skipped, since the advisories cannot be had ({why})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
