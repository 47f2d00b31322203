"""A fault run of some seconds; ``make faults`` is the long one."""

from twisted.trial.unittest import TestCase

from tests.support.fault_run import FaultRun


class Smoke(TestCase):
    async def test_smoke(self) -> None:
        """Nothing acknowledged is lost, duplicated or out of order, and nothing refused is stored."""
        run = FaultRun(8, 1)

        await run.go()

        self.assertEqual([], run.wrong, run.table)
