"""A store of pictures that is a folder: the picture worker writes them where they stay."""

from pathlib import Path

from zope.interface import implementer

from justchat.interfaces.pictures import IPictureStore
from justchat.workers.codecs import ENDINGS


@implementer(IPictureStore)
class PictureFolder:
    """See IPictureStore."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def put(self, name: str) -> None:
        """See IPictureStore. The worker has written the file, and that to the disk."""

    async def find(self, name: str) -> Path | None:
        """See IPictureStore."""
        file = self.folder / name
        return file if file.is_file() else None

    async def remove(self, stem: str) -> None:
        """See IPictureStore."""
        for name in names_of(stem):
            (self.folder / name).unlink(missing_ok=True)


def names_of(stem: str) -> list[str]:
    """The names that a picture can have."""
    return [f"{stem}.{ending}" for ending in ENDINGS]
