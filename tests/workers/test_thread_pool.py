"""Work in threads: out of the reactor's way, and done also where that may not be said."""

import os
import threading

from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import TestCase

from justchat.errors import Busy
from justchat.workers.thread_pool import NICENESS, BoundedThreadPool


class InThreads(TestCase):
    def setUp(self) -> None:
        self.workers = BoundedThreadPool("of a test", threads=1, waiting=1)
        self.workers.start()
        self.addCleanup(self.workers.stop)

    async def test_nice(self) -> None:
        """It is done at a lower priority than the reactor's thread keeps."""
        ours = os.getpriority(os.PRIO_PROCESS, 0)

        its = await self.workers.run(lambda: os.getpriority(os.PRIO_PROCESS, 0))

        self.assertEqual(NICENESS, its)
        self.assertEqual(ours, os.getpriority(os.PRIO_PROCESS, 0))

    async def test_not_allowed(self) -> None:
        """Where priorities may not be changed it is done all the same."""

        def refuse(*_: object) -> None:
            raise PermissionError

        self.patch(os, "setpriority", refuse)

        self.assertEqual(3, await self.workers.run(lambda: 3))

    async def test_busy(self) -> None:
        """What is more than may wait is refused, and what waits is done."""
        go_on = threading.Event()
        first = ensureDeferred(self.workers.run(go_on.wait))

        with self.assertRaises(Busy):
            await self.workers.run(lambda: None)

        go_on.set()
        self.assertTrue(await first)
