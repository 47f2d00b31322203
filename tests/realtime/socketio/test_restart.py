"""The daemon restarts: every client's own reconnection finds it."""

import socket

from twisted.trial.unittest import TestCase

from tests.support.chat import a_person
from tests.support.daemon import Daemon
from tests.support.mongo import drop, fresh_uri
from tests.support.socketio.clients import MISSING, Node


class Restart(TestCase):
    skip = MISSING

    async def test_restart(self) -> None:
        """All clients get ``closing`` with the code; each reconnects automatically and binds again."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        uri = fresh_uri()
        self.addCleanup(drop, uri)
        daemon = await Daemon("--http", f"tcp:{port}:interface=127.0.0.1", "--mongo", uri).start()
        self.addCleanup(daemon.remove)
        node = Node()
        self.addCleanup(node.leave)
        anna = await a_person(daemon)
        clients = await node.connect(port)
        for client in clients:
            await client.bind(anna.session_key)

        await daemon.stop()
        for client in clients:
            self.assertEqual(1001, (await client.next("closing"))["code"], client.name)
        await daemon.start()

        for client in clients:
            await client.next("connect")
            self.assertEqual(anna.id, (await client.bind(anna.session_key))["user"], client.name)
