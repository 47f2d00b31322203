"""Pictures that people uploaded: decoded and written again, in a thread of their own, and kept in a folder."""

import os
import secrets
from hashlib import sha256
from pathlib import Path

from zope.interface import implementer

from justchat.errors import Busy, DiskFull
from justchat.interfaces import IImages
from justchat.model.ids import Id
from justchat.threads import Workers
from justchat.workers.codecs import rewritten

WAITING = 20


@implementer(IImages)
class Images:
    """See IImages. ``folder`` is where the files are kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.workers = Workers("images", threads=1, waiting=WAITING)

    async def keep(self, data: bytes, once: Id | None = None) -> str:
        # A name that nobody can guess: ``once`` is random, too.
        stem = secrets.token_hex(16) if once is None else sha256(once.encode()).hexdigest()[:32]
        return await self.workers.do(lambda: self._keep(data, stem))

    def _keep(self, data: bytes, stem: str) -> str:
        try:
            written, ending = rewritten(data)
        except (MemoryError, OSError) as error:  # too much at once: the picture may be as good as any
            raise Busy from error
        name = f"{stem}.{ending}"
        temporary = self._folder / f".{name}.{secrets.token_hex(4)}"
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(written)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self._folder / name)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise DiskFull from error
        return name
