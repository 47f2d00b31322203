"""Work in a bounded pool of threads."""

import threading

from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import TestCase

from justchat.errors import Busy
from justchat.workers.thread_pool import BoundedThreadPool


class InThreads(TestCase):
    def setUp(self) -> None:
        self.workers = BoundedThreadPool("of a test", threads=1, waiting=1)
        self.workers.start()
        self.addCleanup(self.workers.stop)

    async def test_busy(self) -> None:
        """Work beyond the queue's bound is refused, and queued work is done."""
        go_on = threading.Event()
        first = ensureDeferred(self.workers.run(go_on.wait))

        with self.assertRaises(Busy):
            await self.workers.run(lambda: None)

        go_on.set()
        self.assertTrue(await first)
