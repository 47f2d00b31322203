"""The bounded cache keeps what was put or used last."""

from twisted.trial.unittest import SynchronousTestCase

from justchat.limits.bounded_cache import BoundedCache


class BoundedCacheTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cache: BoundedCache[str, int | None] = BoundedCache(2)
        self.cache.put("a", 1)
        self.cache.put("b", 2)

    def test_oldest(self) -> None:
        """With one item too many, the one put first goes."""
        self.cache.put("c", 3)

        self.assertEqual({"b": 2, "c": 3}, dict(self.cache))

    def test_put_again(self) -> None:
        """An item that is put again is the latest."""
        self.cache.put("a", 4)
        self.cache.put("c", 3)

        self.assertEqual({"a": 4, "c": 3}, dict(self.cache))

    def test_used(self) -> None:
        """An item that is used stays longer."""
        self.assertEqual(1, self.cache.use("a"))
        self.assertIsNone(self.cache.use("x"))
        self.cache.put("c", 3)

        self.assertEqual({"a": 1, "c": 3}, dict(self.cache))

    def test_looked_at(self) -> None:
        """A look at an item is not a use of it."""
        self.assertEqual((1, 1, True), (self.cache["a"], self.cache.get("a"), "a" in self.cache))
        self.cache.put("c", 3)

        self.assertEqual(["b", "c"], list(self.cache))
