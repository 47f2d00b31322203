"""What daemons publish to each other beside the entries of the log."""

from collections.abc import Callable

from zope.interface import Interface

from justchat.model.entry import Entry
from justchat.model.ids import Id


class IPackets(Interface):
    """Publishes to the other daemons over the bus, and through the database while the bus is away.

    Handlers are called at every daemon that follows the stream, and more than once if need be. They must not raise.
    """

    def publish_move(user: Id, room: Id, seq: int) -> None:
        """Publish to the followers of a user that the user has entered a room, by its entry ``seq``."""

    def on_moved(handler: Callable[[Id, Id, int], None]) -> None:
        """Call ``handler`` with users, their rooms and the seqs of their entering."""

    def publish_gift(gift: Entry) -> None:
        """Publish a gift, which is an entry of its receiver's stream, to the followers of ``gift.room``."""

    def on_roommate_gift(handler: Callable[[Entry], None]) -> None:
        """Call ``handler`` with gifts."""
