"""The measure of harm recognizes a daemon that is stopped, one that refuses calls and one that is healthy."""

import os
import signal

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.support import bystanders as support
from tests.support.bystanders import Measured, Times, bystanders, harm
from tests.support.waiting import quietly
from tests.support.wire import OwnDaemonCase

KINDS = {"send", "history", "dialogs", "sign in", "upload"}


IDLE = Times(20, 0.0, 0.0, 0.0)
"""A machine that does nothing else."""
STOOD = 3.0
"""Seconds. A caller waits ten."""


class Measuring(OwnDaemonCase):
    async def test_seen(self) -> None:
        """A quiet daemon shows no harm; one that stands still for longer than calls may take does."""
        await self.start("")
        assert self.daemon.process is not None
        pid = self.daemon.process.pid

        async def stand_still() -> None:
            os.kill(pid, signal.SIGSTOP)
            await deferLater(reactor, STOOD)
            os.kill(pid, signal.SIGCONT)
            await deferLater(reactor, 0.5)

        async with bystanders(self.daemon) as people:
            quiet = await people.during(quietly(2))
            while set(quiet.calls) != KINDS:  # on a busy machine the rare ones may take longer than that
                quiet = await people.during(quietly(2))
            stopped = await people.during(stand_still())

        # How busy this machine is must not decide.
        self.patch(support, "slowness", lambda: 1.0)
        quick = evolve(quiet, calls=dict.fromkeys(KINDS, Times(100, 0.01, 0.01, 0.01)), failed={})
        seen = harm(quick, evolve(stopped, machine=IDLE))
        self.assertEqual({"send", "history", "dialogs"}, {"send", "history", "dialogs"} & kinds(seen))
        self.assertEqual([], harm(quick, quick))
        self.assertEqual(["send 503: 2"], harm(quick, evolve(quick, failed={"send 503": 2})))
        self.assertGreater(quiet.memory_after, 32 * 2**20)
        self.assertGreater(quiet.machine.count, 0)


class Bounds(TestCase):
    def test_busy_machine(self) -> None:
        """Where the machine alone takes as long, nothing is the attack's; except in ``make attack``."""
        self.patch(support, "slowness", lambda: 1.0)
        calls = {"send": Times(100, 0.01, 0.01, 0.01)}
        quiet = Measured(calls, {}, 0, 0, 0, IDLE)
        slow = evolve(quiet, calls={"send": Times(100, 0.1, 3.0, 3.0)})
        busy = evolve(slow, machine=Times(20, 0.1, 0.5, 0.5))

        self.assertEqual(["send: p99 3000 ms, 20 ms before"], harm(quiet, slow, strict=False))
        self.assertEqual([], harm(quiet, busy, strict=False))
        self.assertEqual(["send: p99 3000 ms, 20 ms before"], harm(quiet, busy, strict=True))
        self.patch(support, "slowness", lambda: 5.0)
        self.assertEqual([], harm(quiet, slow, strict=False))
        self.assertEqual(["send: p99 3000 ms, 20 ms before"], harm(quiet, slow, strict=True))


def kinds(harms: list[str]) -> set[str]:
    return {harm.partition(":")[0] for harm in harms}
