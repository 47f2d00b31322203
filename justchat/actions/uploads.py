"""Uploading pictures."""

from attrs import frozen

from justchat.interfaces import IImages
from justchat.model.ids import Id


@frozen(kw_only=True)
class Uploads:
    """What one can do with pictures."""

    images: IImages

    async def upload(self, data: bytes, owner: str, once: Id | None = None) -> str:
        """Keep a picture; returns its path, the same for the same ``once``. Owners take turns.

        Raises NotAnImage, TooLarge, DiskFull, Busy.
        """
        return f"uploads/{await self.images.keep(data, once, owner)}"
