"""Snapshots: the numbers of several processes as one."""

from twisted.trial.unittest import SynchronousTestCase

from justchat.metrics import declarations as metrics
from justchat.metrics.snapshots import Snapshot, Totals, decode_snapshot, encode_snapshot, take_snapshot


def snapshot(calls: int, memory: int = 0) -> Snapshot:
    return {
        metrics.CALLS.name: {("/init/auth", 200): calls},
        metrics.CALL_SECONDS.name: {("/init/auth",): [calls] + [0] * (len(metrics.SECONDS) + 1)},
        metrics.SOCKETS.name: {("websocket",): calls},
        metrics.MEMORY_BYTES.name: {(): memory},
        metrics.DISK_FREE.name: {(): memory},
    }


class SnapshotTests(SynchronousTestCase):
    def test_encoding(self) -> None:
        """It comes back from its line as it was."""
        metrics.CALLS.count("/a", 200)
        taken = take_snapshot()

        line = encode_snapshot(taken)

        self.assertNotIn(b"\n", line)
        self.assertEqual(taken, decode_snapshot(line))


class TotalsTests(SynchronousTestCase):
    def test_merged(self) -> None:
        """Numbers are added up; those of a process have its worker; of those of a machine the largest stays."""
        totals = Totals()

        totals.update("1", snapshot(3, memory=100))
        totals.update("2", snapshot(4, memory=50))

        merged = totals.merged()
        self.assertEqual({("/init/auth", 200): 7}, merged[metrics.CALLS.name])
        self.assertEqual(7, merged[metrics.CALL_SECONDS.name]["/init/auth",][0])
        self.assertEqual({("websocket",): 7}, merged[metrics.SOCKETS.name])
        self.assertEqual({("1",): 100, ("2",): 50}, merged[metrics.MEMORY_BYTES.name])
        self.assertEqual({(): 100}, merged[metrics.DISK_FREE.name])

    def test_ended(self) -> None:
        """What a process counted stays when it has ended, and its successor's is added; its gauges go."""
        totals = Totals()
        totals.update("1", snapshot(3, memory=100))
        totals.update("2", snapshot(4, memory=50))

        totals.ended("1")
        between = totals.merged()
        totals.update("1", snapshot(1, memory=70))

        self.assertEqual({("/init/auth", 200): 7}, between[metrics.CALLS.name])
        self.assertEqual({("websocket",): 4}, between[metrics.SOCKETS.name])
        self.assertEqual({("2",): 50}, between[metrics.MEMORY_BYTES.name])
        self.assertEqual({("/init/auth", 200): 8}, totals.merged()[metrics.CALLS.name])
        self.assertEqual(8, totals.merged()[metrics.CALL_SECONDS.name]["/init/auth",][0])

    def test_does_not_keep_the_sums(self) -> None:
        """To merge again without news changes nothing."""
        totals = Totals()
        totals.update("1", snapshot(3))
        totals.update("2", snapshot(4))

        self.assertEqual(totals.merged(), totals.merged())
