"""What operators ask of the store of the daemons' load."""

from collections.abc import Sequence

from zope.interface import Interface

from justchat.model.load import LoadPoint
from justchat.model.moment import Moment


class ILoad(Interface):
    """The load of all daemons together, minute by minute, for a day. Every method raises DatabaseAway."""

    async def add(points: Sequence[LoadPoint]) -> None:
        """Add what this process did to the minutes of all. It may be repeated: each point is added once."""

    async def minutes(since: Moment) -> list[LoadPoint]:
        """The minutes that begin at or after a moment, in order, without those of which nobody said anything."""

    async def slots(since: Moment) -> list[LoadPoint]:
        """The same, MINUTES_OF_SLOT minutes in one point."""
