"""What actions ask of rate counters."""

from collections.abc import Callable, Sequence

from zope.interface import Interface

from justchat.model.ids import Id
from justchat.model.rate import RateCounter, RateHit

CountAction = Callable[[Id, Id], None]
"""Counts an action of a user in a room, which everybody in it gets an event about. Raises TooManyRequests."""


class IRateWindows(Interface):
    """How often something has been done."""

    async def used(counters: Sequence[RateCounter]) -> list[float]:
        """How full each counter is, from 0 to 1. Raises TooManyRequests where one is full; counts nothing."""

    async def take(counters: Sequence[RateCounter]) -> list[RateHit]:
        """Count one more in each, before it is done. Raises TooManyRequests where one is full, and counts it nowhere.

        Where the database is away it raises DatabaseAway, and what it may have counted is given back later.
        """

    async def give_back(hits: Sequence[RateHit]) -> None:
        """What was counted was not done. Raises nothing: where the database is away it is given back later."""

    async def forget(counter: RateCounter) -> None:
        """Count anew from zero."""
