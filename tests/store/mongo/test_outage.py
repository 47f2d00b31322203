"""The lines that say that the database is away, and that it is back."""

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from justchat.store.mongo.outage import Outage


class Outages(SynchronousTestCase):
    def said(self, *events: tuple[str, float]) -> list[str]:
        """What is logged where the database answers, or operations that began then have no answer, at these times."""
        outage = Outage()
        with capturedLogs() as logged:
            for event, at in events:
                getattr(outage, event)(at)
        return [each["log_level"].name for each in logged]

    def test_once(self) -> None:
        """However many operations fail, an outage has one line, and its end another."""
        failed = [("failed", 2.0), ("failed", 3.0), ("failed", 1.5)]

        self.assertEqual(["error", "info"], self.said(("answered", 1.0), *failed, ("answered", 5.0), ("answered", 6.0)))

    def test_one_operation(self) -> None:
        """An operation that takes too long, while others are answered, is no outage."""
        self.assertEqual([], self.said(("answered", 2.0), ("failed", 1.0), ("answered", 6.0)))

    def test_before_the_first_answer(self) -> None:
        """A database that never answered is the start's to report."""
        self.assertEqual([], self.said(("failed", 1.0), ("failed", 2.0)))
