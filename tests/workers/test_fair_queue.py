"""The fair queue: owners alternate, by their recent cost."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from justchat.errors import Busy
from justchat.workers.fair_queue import HALF_LIFE, FairQueue


class FairQueueTests(SynchronousTestCase):
    def test_order(self) -> None:
        """Owners alternate; an item that is put back is next."""
        queue: FairQueue[int] = FairQueue(each=3, most=6, seconds=lambda: 0.0)
        for owner, item in (("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5)):
            queue.put(owner, item)
        self.assertRaises(Busy, queue.put, "a", 9)
        queue.put("b", 6)
        self.assertRaises(Busy, queue.put, "d", 9)

        first: Any = queue.take()
        queue.put_back(*first)

        self.assertEqual([1, 4, 5, 2, 6, 3], [item for _, item in iter(queue.take, None)])
        self.assertEqual(0, len(queue))

    def test_cost(self) -> None:
        """Owners with less recent cost come first; costs decay."""
        time = [0.0]
        queue: FairQueue[int] = FairQueue(each=3, most=9, seconds=lambda: time[0])
        queue.charge("large", 5)
        queue.charge("small", 1)
        for owner in ("large", "small", "new"):
            queue.put(owner, 1)
            queue.put(owner, 2)

        order = [owner for owner, _ in iter(queue.take, None)]
        time[0] = 5 * HALF_LIFE
        queue.charge("small", 1)
        queue.put("small", 1)
        queue.put("large", 1)

        self.assertEqual(["new", "new", "small", "small", "large", "large"], order)
        self.assertEqual(("large", 1), queue.take())
