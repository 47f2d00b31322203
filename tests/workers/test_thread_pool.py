"""Work in threads of low priority, also where priorities cannot be set."""

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
        """Work has a lower priority than the reactor's thread."""
        ours = os.getpriority(os.PRIO_PROCESS, 0)

        its = await self.workers.run(lambda: os.getpriority(os.PRIO_PROCESS, 0))

        self.assertEqual(NICENESS, its)
        self.assertEqual(ours, os.getpriority(os.PRIO_PROCESS, 0))

    async def test_not_allowed(self) -> None:
        """Work is done where priorities cannot be changed."""

        def refuse(*_: object) -> None:
            raise PermissionError

        self.patch(os, "setpriority", refuse)

        self.assertEqual(3, await self.workers.run(lambda: 3))

    async def test_busy(self) -> None:
        """Work beyond the queue's bound is refused, and queued work is done."""
        go_on = threading.Event()
        first = ensureDeferred(self.workers.run(go_on.wait))

        with self.assertRaises(Busy):
            await self.workers.run(lambda: None)

        go_on.set()
        self.assertTrue(await first)
