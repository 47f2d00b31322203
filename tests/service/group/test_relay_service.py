"""The relay's socket in the data directory."""

import socket
from pathlib import Path
from tempfile import mkdtemp

from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.trial.unittest import TestCase

from justchat.errors import StartupError
from justchat.runtime.data_dir import BUS_SOCKET
from justchat.service.group.relay_service import RelayService


class Places(TestCase):
    def setUp(self) -> None:
        self.folder = Path(mkdtemp(prefix="jc-"))

    def a_relay(self) -> RelayService:
        relay = RelayService(self.folder, reactor)
        self.addCleanup(lambda: maybeDeferred(relay.stopService))
        return relay

    async def test_another_runs(self) -> None:
        """A second start on the data directory is refused, and leaves the socket of the first, started or not."""
        self.a_relay().startService()
        second, third = self.a_relay(), self.a_relay()

        with self.assertRaisesRegex(StartupError, "another JustChat"):
            second.startService()
        await second.stopService()
        await third.stopService()

        self.assertTrue((self.folder / BUS_SOCKET).is_socket())

    async def test_left_behind(self) -> None:
        """The socket of a parent that was killed is replaced."""
        with socket.socket(socket.AF_UNIX) as before:
            before.bind(str(self.folder / BUS_SOCKET))

        self.a_relay().startService()

        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.folder / BUS_SOCKET))

    async def test_socket_removed(self) -> None:
        """A socket that somebody has removed does not disturb the stop."""
        relay = self.a_relay()
        relay.startService()
        (self.folder / BUS_SOCKET).unlink()

        await relay.stopService()
