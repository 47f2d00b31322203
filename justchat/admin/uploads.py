"""``justchat-admin uploads``: move pictures to the store that the daemons share."""

from argparse import Namespace
from pathlib import Path
from shutil import copyfile

from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome
from justchat.errors import StartupError
from justchat.model.pictures import FOLDER, pictures_in
from justchat.runtime.data_dir import check_owner


async def move(context: AdminContext, arguments: Namespace) -> Outcome:
    """Move the pictures in the data directory to [uploads] store. The daemon may run. After a failure, run it again."""
    if context.settings.picture_store == "folder":
        raise StartupError('[uploads] store: pictures are stored in the data directory; set "gridfs" or "s3" first')
    folder = context.settings.data_dir / "uploads"
    check_owner(context.settings.data_dir)
    moved = 0
    for file in _pictures(folder):
        await _move(context, file)
        moved += 1
    return Outcome(f"{moved} pictures were moved.", {"moved": moved})


async def _move(context: AdminContext, file: Path) -> None:
    store = await context.pictures()
    size = _copy(file, store.folder)
    await store.put(file.name)
    await context.records.adopt(file.stem, size)
    # Only now: until then the daemon serves it from here.
    _remove(file, store.folder / file.name)


def _copy(file: Path, folder: Path) -> int:
    copyfile(file, folder / file.name)
    return file.stat().st_size


def _remove(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if pictures_in(f"{FOLDER}{file.name}") and file.is_file())
