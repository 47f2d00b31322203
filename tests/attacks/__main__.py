"""``python -m tests.attacks``: every attack in its large form, and a table of what each costs other users.

Arguments are trial targets, instead of all of ``tests.attacks``. ``--docs`` prints the table in the form of
docs/security.rst. The last step runs schemathesis on the daemon's OpenAPI document (``tests/attacks/by_document.py``).
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HEADS = ("Attack", "Worst for", "p50 ms", "p99 ms", "Times quiet", "503s", "Memory MiB")
FAULTS = ("Cause", "Back after s", "Acknowledged", "Lost", "Refused")
TARGETS = (
    "tests.attacks",
    # Attacks and faults whose tests are elsewhere.
    *("tests.end_to_end.test_full_disk", "tests.end_to_end.test_outages", "tests.end_to_end.test_stalled_readers"),
)


def cells(row: dict[str, Any]) -> list[str]:
    """A row of the table: the kind of call that the attack slowed most, without and with the attack."""
    quiet, attacked = row["quiet"], row["attacked"]
    kind = max(attacked["calls"], key=lambda name: attacked["calls"][name]["p99"] / quiet["calls"][name]["p99"])
    before, after = quiet["calls"][kind], attacked["calls"][kind]
    refused = sum(count for what, count in attacked["failed"].items() if what.endswith((" 503", " 0")))
    memory = [attacked[f"memory_{when}"] >> 20 for when in ("before", "peak", "after")]
    return [
        row["name"],
        kind,
        f"{before['p50'] * 1000:.0f} → {after['p50'] * 1000:.0f}",
        f"{before['p99'] * 1000:.0f} → {after['p99'] * 1000:.0f}",
        f"{after['p99'] / before['p99']:.1f}",
        str(refused),
        " → ".join(map(str, memory)),
    ]


def fault_cells(row: dict[str, Any]) -> list[str]:
    """A row of the second table. Where something was lost, the test fails instead."""
    return [row["fault"], f"{row['back']:.1f}", str(row["acknowledged"]), "0", str(row["refused"])]


def as_text(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def as_docs(rows: list[list[str]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {'* -' if not number else '  -'} {cell}" for number, cell in enumerate(row)]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    targets = [argument for argument in arguments if not argument.startswith("--")] or list(TARGETS)
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as noted:
        environ = {**os.environ, "JUSTCHAT_ATTACK": "1", "JUSTCHAT_ATTACK_ROWS": noted.name}
        trial = [Path(sys.executable).with_name("trial"), "--temp-directory=_trial_temp", *targets]
        failed = subprocess.run(trial, env=environ, check=False).returncode
        rows = [json.loads(line) for line in Path(noted.name).read_text().splitlines()]
    printed = as_docs if "--docs" in arguments else as_text
    print(printed([list(HEADS), *(cells(row) for row in rows if "name" in row)]), end="\n\n")
    print(printed([list(FAULTS), *(fault_cells(row) for row in rows if "fault" in row)]), flush=True)
    if targets == list(TARGETS):
        failed |= subprocess.run([sys.executable, "-m", "tests.attacks.by_document"], check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
