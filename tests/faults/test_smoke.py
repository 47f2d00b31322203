"""Fault runs of some seconds; ``make faults`` has the long ones."""

from random import Random

from twisted.trial.unittest import TestCase

from tests.support.fault_run import FaultRun
from tests.support.fault_worlds import OneDaemon, SomeDaemons


class Smoke(TestCase):
    timeout = 300
    """Seconds; on a busy machine it takes long until everything agrees."""

    async def run_faults(self, world: SomeDaemons, seconds: float) -> None:
        run = FaultRun(world, seconds, 1)

        await run.go()

        self.assertEqual([], run.wrong, run.table)

    async def test_smoke(self) -> None:
        """Nothing acknowledged is lost, duplicated or out of order, and nothing refused is stored."""
        await self.run_faults(OneDaemon(Random(1)), 6)
