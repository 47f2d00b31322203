"""The embedded database comes back, whatever kept it from that at first."""

import os
import signal
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from justchat.runtime.mongod import Mongod
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
