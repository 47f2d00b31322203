"""Serves the archives of exports, a part at a time as the client reads them."""

import re
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from justchat.actions.exports import Exports
from justchat.errors import Busy, Unavailable
from justchat.model.export import Export

AT_ONCE = 20
"""Archives that are sent at once: of each, one part is in memory, however slowly its client reads."""
_NAME = re.compile(r"([\w-]{32})\.zip\Z", re.ASCII)


class ExportedFiles:
    """The archives. Their names are random, and who knows one needs no session."""

    def __init__(self, exports: Exports) -> None:
        self._exports = exports
        self._sending = 0

    async def find(self, name: str) -> Export | None:
        """The export whose archive has this name; None if there is none. Raises DatabaseAway."""
        match = _NAME.match(name)
        return None if match is None else await self._exports.find_archive(match[1])

    async def send(self, export: Export, request: Any) -> None:
        """Send an archive as the body of an answer.

        Raises Busy where AT_ONCE are being sent, and Unavailable where the first part cannot be read.
        """
        if self._sending >= AT_ONCE:
            raise Busy
        self._sending += 1
        try:
            await self._send(export, request)
        finally:
            self._sending -= 1

    async def _send(self, export: Export, request: Any) -> None:
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
        sent = await self._send_parts(export, part, request, client)
        request.unregisterProducer()
        if sent < export.size:  # too late for an error
            request.loseConnection()

    async def _send_parts(self, export: Export, part: bytes, request: Any, client: "_Client") -> int:
        """Send the parts from the first. Returns the bytes sent: fewer than all where the store is away."""
        sent, number = 0, 0
        while part:
            request.write(part)
            sent += len(part)
            number += 1
            part = b""
            await client.has_room()
            if sent < export.size:
                with suppress(Unavailable):
                    part = await self._exports.read_part(export, number)
        return sent


@implementer(IPushProducer)
class _Client:
    """Whether the client takes more. Where it leaves, Klein cancels the route that waits for that."""

    def __init__(self) -> None:
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
        pass
