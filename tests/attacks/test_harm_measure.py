"""The measure of harm recognizes a daemon that is stopped, one that refuses calls and one that is healthy."""

import os
import signal

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.support.bystanders import TIMES, bystanders, harm
from tests.support.waiting import quietly
from tests.support.wire import OwnDaemonCase

KINDS = {"send", "history", "dialogs", "sign in", "upload"}


class Measuring(OwnDaemonCase):
    async def test_seen(self) -> None:
        """A quiet daemon shows no harm; one that stands still for longer than calls may take does."""
        await self.start("")
        assert self.daemon.process is not None
        pid = self.daemon.process.pid

        async def stand_still(seconds: float) -> None:
            os.kill(pid, signal.SIGSTOP)
            await deferLater(reactor, seconds)
            os.kill(pid, signal.SIGCONT)
            await deferLater(reactor, 0.5)

        async with bystanders(self.daemon) as people:
            quiet = await people.during(quietly(2))
            while set(quiet.calls) != KINDS:  # on a busy machine the rare ones may take longer than that
                quiet = await people.during(quietly(2))
            stopped = await people.during(stand_still(max(1.5, 2 * TIMES * quiet.worst[1].p99)))

        self.assertEqual([], harm(quiet, quiet))
        self.assertEqual({"send", "history", "dialogs"}, {"send", "history", "dialogs"} & kinds(harm(quiet, stopped)))
        self.assertEqual({}, stopped.failed)
        self.assertEqual(["send 503: 2"], harm(quiet, evolve(quiet, failed={"send 503": 2})))
        self.assertGreater(quiet.memory_after, 32 * 2**20)


def kinds(harms: list[str]) -> set[str]:
    return {harm.partition(":")[0] for harm in harms}
