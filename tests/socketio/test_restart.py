"""The daemon goes and comes back: a client's own reconnection finds it."""

import socket

from twisted.trial.unittest import TestCase

from tests.socketio.clients import MISSING, Client, install
from tests.support.chat import a_person
from tests.support.daemon import Daemon


class Restart(TestCase):
    skip = MISSING

    async def _goes_through(self, version: str, transports: str) -> None:
        install()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        daemon = await Daemon("--http", f"tcp:{port}:interface=127.0.0.1").start()
        self.addCleanup(daemon.remove)
        anna = await a_person(daemon)
        client = Client(version, f"http://127.0.0.1:{port}", transports)
        self.addCleanup(client.leave)
        await client.next("connect")
        await client.bind(anna.session_key)

        await daemon.stop()
        self.assertEqual(1001, (await client.next("closing"))["code"])
        await daemon.start()

        await client.next("connect")
        self.assertEqual(anna.id, (await client.bind(anna.session_key))["user"])

    async def test_today(self) -> None:
        """Today's client comes back by itself."""
        await self._goes_through("v4", "default")

    async def test_polling(self) -> None:
        """So it does by polling."""
        await self._goes_through("v4", "polling")

    async def test_old(self) -> None:
        """So does the client of the original's time."""
        await self._goes_through("v2", "default")
