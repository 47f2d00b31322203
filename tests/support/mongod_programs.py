"""Programs that an operator may name as mongod."""

from pathlib import Path


def wrapper(folder: Path, mongod: str, *, version: str | None = None) -> tuple[Path, Path]:
    """A script that runs a mongod and logs its arguments, and that log. ``version`` is what it says instead."""
    script, log = folder / "mongod", folder / "mongod-calls"
    script.parent.mkdir(parents=True, exist_ok=True)
    says = f'if [ "$1" = --version ]; then echo "{version}"; exit; fi\n' if version is not None else ""
    script.write_text(f'#!/bin/sh\n{says}echo "$@" >> "{log}"\nexec "{mongod}" "$@"\n')
    script.chmod(0o755)
    log.touch()
    return script, log
