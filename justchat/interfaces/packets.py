"""What daemons tell each other beside the entries of the log."""

from collections.abc import Callable

from zope.interface import Interface

from justchat.model.entry import Entry
from justchat.model.ids import Id


class IPackets(Interface):
    """Tells the other daemons, over the bus, and with the bus away through the database.

    Handlers are called at every daemon that follows the stream, and more than once if need be. They must not raise.
    """

    def tell_moved(user: Id, room: Id, seq: int) -> None:
        """Tell those who follow the user that the user has entered a room, by its entry ``seq``."""

    def on_moved(handler: Callable[[Id, Id, int], None]) -> None:
        """Call ``handler`` with users, their rooms and the seqs of their entering."""

    def tell_roommates(gift: Entry) -> None:
        """Tell those who follow ``gift.room`` of a gift, which is an entry of its receiver's stream."""

    def on_roommate_gift(handler: Callable[[Entry], None]) -> None:
        """Call ``handler`` with gifts."""
