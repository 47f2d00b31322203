"""Serving the pictures that people uploaded: by Range, for a long time, and as nothing but pictures."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.web.iweb import IRequest
from twisted.web.static import File

_NAME = re.compile(rb"[0-9a-f]{32}\.(?:png|jpg|gif|webp)\Z")
_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp"}


class _Picture(File):
    isLeaf = True
    contentTypes = _TYPES
    contentEncodings: dict[str, str] = {}

    def render_GET(self, request: IRequest) -> Any:
        request.setHeader(b"X-Content-Type-Options", b"nosniff")
        request.setHeader(b"Content-Security-Policy", b"default-src 'none'")
        # A name is random and never given again.
        request.setHeader(b"Cache-Control", b"public, max-age=31536000, immutable")
        return super().render_GET(request)

    render_HEAD = render_GET


class UploadedFiles:
    """The folder of pictures: ours go by names that we gave, and nothing else in it is served."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    def named(self, path: Sequence[bytes]) -> File | None:
        """The picture of a path below ``/uploads/``; None where there is none."""
        if len(path) != 1 or not _NAME.match(path[0]):
            return None
        for folder in self._folders:
            file = folder / path[0].decode()
            if file.is_file():
                return _Picture(str(file))
        return None
