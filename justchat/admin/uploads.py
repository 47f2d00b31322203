"""``justchat-admin uploads``: move pictures to the store that the daemons share."""

from argparse import Namespace
from pathlib import Path
from shutil import copyfile

from justchat.actions.concurrently import all_of
from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome
from justchat.errors import StartupError
from justchat.interfaces.pictures import IPictureStore
from justchat.model.audit import Deed
from justchat.model.pictures import FOLDER, pictures_in
from justchat.runtime.data_dir import check_owner

AT_ONCE = 8
"""Pictures that are moved at the same time."""


async def move(context: AdminContext, arguments: Namespace) -> Outcome:
    """Move the pictures in the data directory to [uploads] store. The daemon may run. After a failure, run it again."""
    if context.settings.picture_store == "folder":
        raise StartupError('[uploads] store: pictures are stored in the data directory; set "gridfs" or "s3" first')
    folder = context.settings.data_dir / "uploads"
    check_owner(context.settings.data_dir)
    files = _pictures(folder)
    store = await context.pictures()
    await context.operating.record(Deed.MOVE_UPLOADS, None, f"{len(files)} to {context.settings.picture_store}")
    for first in range(0, len(files), AT_ONCE):
        await all_of(_move(context, store, file) for file in files[first : first + AT_ONCE])
    return Outcome(f"{len(files)} pictures were moved.", {"moved": len(files)})


async def _move(context: AdminContext, store: IPictureStore, file: Path) -> None:
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
