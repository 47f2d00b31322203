"""The relay of the bus, which joins the workers of one machine where no ``[bus] uri`` does."""

import os
import shutil
import socket
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError

from justchat.bus.relay import Relay
from justchat.errors import StartupError
from justchat.runtime.data_dir import BUS_SOCKET
from justchat.runtime.mongod import SOCKET_PATH_LIMIT


class RelayService(Service):
    """Listens in the data directory. Where its path is too long for a socket, that is a link to a temporary folder."""

    name = "relay"

    def __init__(self, data_dir: Path, reactor: Any) -> None:
        self._relay = Relay(reactor)
        self._place = data_dir / BUS_SOCKET
        self._temporary: Path | None = None

    @property
    def uri(self) -> str:
        """The ``[bus] uri`` of the workers. The first of them is told it before this service starts."""
        return f"unix://{quote(str(self._socket))}"

    @cached_property
    def _socket(self) -> Path:
        if len(os.fsencode(self._place)) <= SOCKET_PATH_LIMIT:
            return self._place
        self._temporary = Path(tempfile.mkdtemp(prefix="justchat-"))
        return self._temporary / BUS_SOCKET

    def startService(self) -> None:
        """Raises StartupError."""
        if _is_listening(self._place):
            raise StartupError(f"--data-dir: the workers of another JustChat use {self._place}")
        super().startService()
        self._place.unlink(missing_ok=True)
        if self._socket != self._place:
            self._place.symlink_to(self._socket)
        try:
            self._relay.listen(self._socket)
        except CannotListenError as error:
            raise StartupError(f"--data-dir: {self._socket}: {error.socketError}") from error

    def stopService(self) -> "Deferred[None]":
        """The Deferred fires when all connections are closed."""
        has_started = bool(self.running)
        super().stopService()
        return Deferred.fromCoroutine(self._stop(has_started))

    async def _stop(self, has_started: bool) -> None:
        if has_started:  # else the socket is another daemon's
            await self._relay.stop()
            self._place.unlink(missing_ok=True)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)


def _is_listening(place: Path) -> bool:
    """Whether a process accepts connections at a Unix socket, or at the one that a link names."""
    with socket.socket(socket.AF_UNIX) as attempt:
        attempt.setblocking(False)
        try:
            attempt.connect(os.path.realpath(place))
        except OSError:
            return False
        return True
