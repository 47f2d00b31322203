"""Programs that an operator may name as mongod."""

from pathlib import Path

from justchat.runtime.mongod_binary import find_binary


def wrapper(folder: Path, *, version: str | None = None) -> tuple[Path, Path]:
    """A script that runs the bundled mongod and logs its arguments, and its log. ``version`` is what it says instead of
    mongod's own.
    """
    script, log = folder / "mongod", folder / "mongod-calls"
    script.parent.mkdir(parents=True, exist_ok=True)
    says = f'if [ "$1" = --version ]; then echo "{version}"; exit; fi\n' if version is not None else ""
    script.write_text(f'#!/bin/sh\n{says}echo "$@" >> "{log}"\nexec "{find_binary()}" "$@"\n')
    script.chmod(0o755)
    log.touch()
    return script, log
