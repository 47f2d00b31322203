"""Uploading pictures."""

from attrs import frozen

from justchat.interfaces import IImages


@frozen(kw_only=True)
class Uploads:
    """What one can do with pictures."""

    images: IImages

    async def upload(self, data: bytes) -> str:
        """Keep a picture; returns its path. Raises NotAnImage, TooLarge, DiskFull, Busy."""
        return f"uploads/{await self.images.keep(data)}"
