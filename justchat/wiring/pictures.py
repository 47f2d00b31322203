"""The stores of pictures and of archives, as the settings ask for them."""

from pathlib import Path
from typing import Any

from justchat.actions.exports import ArchiveContent
from justchat.config.settings import Settings
from justchat.interfaces.pictures import IPictureRecords, IPictureStore
from justchat.model.moment import now
from justchat.outbound.s3.bucket import Bucket
from justchat.store.gridfs import GridFs
from justchat.store.mongo.client import Database
from justchat.wiring.stores import Stores
from justchat.workers.archives import FolderArchives, SharedArchives
from justchat.workers.picture_cache import PictureCache
from justchat.workers.picture_folder import PictureFolder, names_of

COPIES = "uploads-copies"
"""The folder in the data directory that has copies of pictures, where they are stored elsewhere."""


def make_picture_store(
    settings: Settings,
    database: Database,
    records: IPictureRecords,
    reactor: Any,
    *,
    copies: Path | None = None,
) -> PictureFolder | PictureCache:
    """The store of ``[uploads] store``. ``copies`` takes the place of the folder of copies in the data directory."""
    uploads = settings.data_dir / "uploads"
    if settings.picture_store == "folder":
        return PictureFolder(uploads)
    return PictureCache(
        _make_remote(settings, database, reactor),
        records,
        reactor,
        folder=copies or settings.data_dir / COPIES,
        former=uploads,
        size=settings.uploads.copies,
    )


def make_archives(settings: Settings, database: Database, reactor: Any) -> FolderArchives:
    """The archives of exports: in a folder of the data directory or, in parts, where several daemons have pictures."""
    folder = settings.data_dir / "exports"
    if settings.picture_store == "folder":
        return FolderArchives(folder)
    return SharedArchives(folder, _make_remote(settings, database, reactor))


def _make_remote(settings: Settings, database: Database, reactor: Any) -> GridFs | Bucket:
    if settings.picture_store == "s3":
        assert settings.uploads.s3 is not None
        return Bucket(settings.uploads.s3, reactor)
    return GridFs(database, now)


def make_archive_content(stores: Stores, picture_store: IPictureStore) -> ArchiveContent:
    """What an export of a user has in it."""
    return ArchiveContent(data=stores.personal_data, pictures=picture_store, names_of=names_of)
