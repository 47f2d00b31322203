"""The embedded database comes back, whatever kept it from that at first."""

import os
import signal
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import unquote

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from justchat.runtime.mongod import SOCKET_PATH_LIMIT, Mongod
from tests.support.waiting import eventually


class Relaunched(TestCase):
    async def test_no_process(self) -> None:
        """Also where no process can be started for a while."""
        mongod = Mongod(Path(mkdtemp(prefix="jc-")), reactor)
        await mongod.start()
        self.addCleanup(mongod.stop)
        before, refusals = mongod.pid, iter((BlockingIOError(11, "no process"), OSError(12, "no memory")))
        spawn: Any = reactor.spawnProcess

        def spawn_later(*args: Any, **options: Any) -> Any:
            if (refusal := next(refusals, None)) is not None:
                raise refusal
            return spawn(*args, **options)

        self.patch(reactor, "spawnProcess", spawn_later)
        assert before is not None
        os.kill(before, signal.SIGKILL)

        await eventually(lambda: mongod.pid not in (before, None) and mongod._accepts(), "another process")
        # Its start has seen that, too, and waits for nothing any more.
        await eventually(lambda: mongod._process is not None and mongod._process.exit.callbacks, "the start to end")


class Sockets(TestCase):
    def test_long_in_bytes(self) -> None:
        """A path counts by its bytes, of which a Cyrillic letter has two: the socket of a long one is elsewhere.

        So is that of a path with a mark that separates addresses.
        """
        parent = Path(mkdtemp(prefix="jc-"))
        odd = [(f"a{mark}b", True) for mark in ",:[]"]
        for name, is_elsewhere in (("d" * 40, False), ("ж" * 40, True), ("a b%20#?@'{", False), *odd):
            folder = parent / name
            mongod = Mongod(folder, reactor)
            self.addCleanup(mongod.stop)

            socket = unquote(mongod.uri.removeprefix("mongodb://").removesuffix("/justchat"))

            self.assertEqual(is_elsewhere, Path(socket).parent != folder, socket)
            self.assertLessEqual(len(socket.encode()), SOCKET_PATH_LIMIT)
