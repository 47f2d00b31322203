"""A daemon of the next release: its packets have a version that today's release does not know."""

import shutil
from pathlib import Path

import justchat
from justchat.bus import packets

MIGRATION = """

async def _touch_rooms(progress: MigrationProgress) -> None:
    async for page in progress.pages(ROOMS):
        rooms = {"_id": {"$in": [each["_id"] for each in page]}}
        await progress.database.update_all(ROOMS, rooms, {"$set": {"of_next_release": True}})


MIGRATIONS += (Migration("rooms of the next release", _touch_rooms),)
"""


def copy_next_release(folder: Path, *, migrates: bool = False) -> Path:
    """Copy the package, with the next version of packets, for ``PYTHONPATH``. ``migrates``: with a migration, too."""
    package = folder / "next" / "justchat"
    shutil.copytree(Path(justchat.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    source = package / "bus" / "packets.py"
    before = source.read_text()
    after = before.replace(f"\nVERSION = {packets.VERSION}\n", f"\nVERSION = {packets.VERSION + 1}\n")
    assert after != before
    source.write_text(after)
    if migrates:
        with (package / "store" / "migrations.py").open("a") as migrations:
            migrations.write(MIGRATION)
    return package.parent
