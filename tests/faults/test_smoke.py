"""Fault runs of some seconds; ``make faults`` has the long ones."""

from random import Random

from twisted.trial.unittest import TestCase

from tests.support.fault_run import FaultRun
from tests.support.fault_worlds import OneDaemon, SomeDaemons
from tests.support.fleet import Fleet


class Smoke(TestCase):
    async def run_faults(self, world: SomeDaemons, seconds: float) -> None:
        run = FaultRun(world, seconds, 1)

        await run.go()

        if run.wrong:
            self.fail(run.report)  # in full: the same run may not fail a second time

    async def test_smoke(self) -> None:
        """Nothing acknowledged is lost, duplicated or out of order, and nothing refused is stored."""
        await self.run_faults(OneDaemon(Random(1)), 4)

    async def test_daemons(self) -> None:
        """Nor over several daemons on one database and one bus, all of which show what the log says."""
        await self.run_faults(Fleet(Random(1), 2, replicated=False, with_bus=True), 6)
