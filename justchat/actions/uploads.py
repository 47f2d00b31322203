"""Uploading pictures."""

from pathlib import Path

from attrs import frozen

from justchat.interfaces import IImages
from justchat.model.ids import Id


@frozen(kw_only=True)
class Uploads:
    """What one can do with pictures."""

    images: IImages

    async def upload(self, file: Path, owner: str, once: Id | None = None) -> str:
        """Keep the picture that a file is; returns its path, the same for the same ``once``. Owners take turns.

        Raises NotAnImage, TooLarge, DiskFull, Busy.
        """
        return f"uploads/{await self.images.keep_file(file, once, owner)}"
