"""A daemon of the next release: its packets have a version that today's release does not know."""

import shutil
from pathlib import Path

import justchat
from justchat.bus import packets


def copy_next_release(folder: Path) -> Path:
    """Copy the package, with the next version of packets, for ``PYTHONPATH``."""
    package = folder / "next" / "justchat"
    shutil.copytree(Path(justchat.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    source = package / "bus" / "packets.py"
    before = source.read_text()
    after = before.replace(f"\nVERSION = {packets.VERSION}\n", f"\nVERSION = {packets.VERSION + 1}\n")
    assert after != before
    source.write_text(after)
    return package.parent
