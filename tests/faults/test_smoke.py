"""Fault runs of some seconds; ``make faults`` has the long ones."""

from twisted.trial.unittest import TestCase

from tests.support.fault_run import FaultRun


class Smoke(TestCase):
    timeout = 300
    """Seconds; on a busy machine it takes long until everything agrees."""

    async def run_faults(self, seconds: float, daemons: int) -> None:
        run = FaultRun(seconds, 1, daemons)

        await run.go()

        self.assertEqual([], run.wrong, run.table)

    async def test_smoke(self) -> None:
        """Nothing acknowledged is lost, duplicated or out of order, and nothing refused is stored."""
        await self.run_faults(6, 1)
