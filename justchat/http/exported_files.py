"""Serves the archives of exports, a part at a time as the client reads them."""

import re
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from justchat.actions.exports import Exports
from justchat.model.export import Export

_NAME = re.compile(r"([\w-]{32})\.zip\Z", re.ASCII)


class ExportedFiles:
    """The archives. Their names are random, and who knows one needs no session."""

    def __init__(self, exports: Exports) -> None:
        self._exports = exports

    async def find(self, name: str) -> Export | None:
        """The export whose archive has this name; None if there is none. Raises DatabaseAway."""
        match = _NAME.match(name)
        return None if match is None else await self._exports.find_archive(match[1])

    async def send(self, export: Export, request: Any) -> None:
        """Send an archive as the body of an answer. Raises Unavailable where its first part cannot be read."""
        part = await self._exports.read_part(export, 0)
        request.setHeader(b"Content-Type", b"application/zip")
        request.setHeader(b"Content-Length", b"%d" % export.size)
        request.setHeader(b"Content-Disposition", b'attachment; filename="justchat-export.zip"')
        request.setHeader(b"Cache-Control", b"private, no-store")
        request.setHeader(b"X-Content-Type-Options", b"nosniff")
        if request.method == b"HEAD":
            return
        client = _Client()
        request.registerProducer(client, True)
        try:
            left, number = export.size, 0
            while part and not client.is_gone:
                request.write(part)
                left -= len(part)
                number += 1
                await client.has_room()
                part = await self._exports.read_part(export, number) if left > 0 else b""
            if left and not client.is_gone:
                request.loseConnection()
        finally:
            if not client.is_gone:
                request.unregisterProducer()


@implementer(IPushProducer)
class _Client:
    """Whether the client takes more."""

    def __init__(self) -> None:
        self.is_gone = False
        self._resumed: Deferred[None] | None = None

    async def has_room(self) -> None:
        if self._resumed is not None:
            await self._resumed

    def pauseProducing(self) -> None:
        if self._resumed is None:
            self._resumed = Deferred()

    def resumeProducing(self) -> None:
        resumed, self._resumed = self._resumed, None
        if resumed is not None:
            resumed.callback(None)

    def stopProducing(self) -> None:
        self.is_gone = True
        self.resumeProducing()
