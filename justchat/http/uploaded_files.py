"""Serves uploaded pictures: with Range requests, long caching, and content types of pictures alone."""

import re
from pathlib import Path
from typing import Any

from twisted.web.iweb import IRequest
from twisted.web.static import File

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
        return super().render_GET(request)

    render_HEAD = render_GET


class UploadedFiles:
    """The folders of uploaded pictures. Only names that the daemon gave are served; other files are not."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    def find(self, name: str) -> File | None:
        """The picture of this name; None if there is none."""
        if not _NAME.match(name):
            return None
        for folder in self._folders:
            file = folder / name
            if file.is_file():
                return _Picture(str(file))
        return None
