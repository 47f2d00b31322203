"""Serves uploaded pictures: with Range requests, long caching, and content types of pictures alone."""

import re
from pathlib import Path
from typing import Any

from twisted.web.http import CACHED
from twisted.web.iweb import IRequest
from twisted.web.static import File

from justchat.errors import NotFound
from justchat.interfaces.pictures import IPictureStore

_NAME = re.compile(r"[0-9a-f]{32}\.(?:png|jpg|gif|webp)\Z")
_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp"}


class _Picture(File):
    isLeaf = True
    contentTypes = _TYPES
    contentEncodings: dict[str, str] = {}

    def render_GET(self, request: IRequest) -> Any:
        """See File."""
        request.setHeader(b"X-Content-Type-Options", b"nosniff")
        request.setHeader(b"Content-Security-Policy", b"default-src 'none'")
        # A name is random and never used again.
        request.setHeader(b"Cache-Control", b"public, max-age=31536000, immutable")
        # The same at every daemon, where Last-Modified is the time of this machine's file.
        if request.setETag(b'"%s"' % self.basename().encode()) is CACHED:
            return b""
        try:
            return super().render_GET(request)
        except FileNotFoundError:  # another process removed it just now
            raise NotFound("there is no such path") from None

    render_HEAD = render_GET


class UploadedFiles:
    """The uploaded pictures. Only names that a daemon gave are served; other files are not."""

    def __init__(self, store: IPictureStore) -> None:
        self._store = store

    async def find(self, name: str) -> File | None:
        """The picture of this name; None if there is none. Raises what the store raises."""
        if not _NAME.match(name):
            return None
        file: Path | None = await self._store.find(name)
        return None if file is None else _Picture(str(file))
