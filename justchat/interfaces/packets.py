"""What daemons publish to each other beside the entries of the log."""

from collections.abc import Callable

from attrs import frozen
from zope.interface import Interface

from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.moment import Moment


@frozen
class Move:
    """A user has entered a room, by the room's entry ``seq``, at the time ``at`` of the daemon that appended it.

    ``order`` is the place of that entry among those of all streams.
    """

    user: Id
    room: Id
    seq: int
    at: Moment
    order: int


class IPackets(Interface):
    """Publishes to the other daemons over the bus, and through the database while the bus is away.

    Handlers are called at every daemon that follows the stream, and more than once if need be. They must not raise.
    """

    def publish_move(move: Move) -> None:
        """Publish a move to the followers of its user."""

    def on_moved(handler: Callable[[Move], None]) -> None:
        """Call ``handler`` with moves."""

    async def look() -> None:
        """Take what was stored in the database since the last look."""

    def publish_gift(gift: Entry) -> None:
        """Publish a gift, which is an entry of its receiver's stream, to the followers of ``gift.room``."""

    def on_roommate_gift(handler: Callable[[Entry], None]) -> None:
        """Call ``handler`` with gifts."""
