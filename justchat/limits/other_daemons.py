"""What other daemons count: the interface to it, and a daemon that counts alone."""

from collections.abc import Callable


class OtherDaemons:
    """What is open at other daemons, by key: connections by address, say. Here there are none."""

    def count(self, key: str) -> int:
        """How many are open at other daemons."""
        return 0

    def publish(self, key: str, count: int) -> None:
        """``count`` are open at this daemon now."""


OtherDaemonsOf = Callable[[str, int], OtherDaemons]
"""Makes them, by the name and the size of a limit."""


def no_other_daemons(name: str, limit: int) -> OtherDaemons:
    """Of a daemon that counts alone."""
    return OtherDaemons()
