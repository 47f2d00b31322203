"""The store of pictures, as the settings ask for it."""

from pathlib import Path
from typing import Any

from justchat.config.settings import Settings
from justchat.interfaces.pictures import IPictureRecords
from justchat.model.moment import now
from justchat.outbound.s3.bucket import Bucket
from justchat.store.gridfs import GridFs
from justchat.store.mongo.client import Database
from justchat.workers.picture_cache import PictureCache
from justchat.workers.picture_folder import PictureFolder

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
    remote: GridFs | Bucket
    if settings.picture_store == "s3":
        assert settings.uploads.s3 is not None
        remote = Bucket(settings.uploads.s3, reactor)
    else:
        remote = GridFs(database, now)
    return PictureCache(
        remote,
        records,
        reactor,
        folder=copies or settings.data_dir / COPIES,
        former=uploads,
        size=settings.uploads.copies,
    )
