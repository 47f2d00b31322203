"""What stores and the hub ask of the bus, which joins several daemons (contract, section 9; docs/design.rst).

The bus is fast and loses packets. The log is the truth: a user of a stream reads it from the database whenever
``epoch`` has changed.
"""

from collections.abc import Callable, Iterable
from enum import IntEnum

from twisted.internet.defer import Deferred
from zope.interface import Interface

from justchat.model.ids import Id


class PacketKind(IntEnum):
    """What a packet says about its stream. Daemons of different releases share the values: never reuse one."""

    ENTRY = 1
    """An entry of the stream was stored, perhaps a void one. The body is its document."""
    HINT = 2
    """Entries were stored up to a seq, while the bus was away. The body is a document with ``seq``."""
    ROOMMATE_GIFT = 4
    """Of a room: a user in it received a gift. The body is the gift's entry, which is in the user's stream."""
    MOVED = 5
    """Of a user: the user has entered a room. The body is a document with ``room``, and ``seq``, ``at`` and
    ``order`` of that entry."""
    SESSION_OVER = 6
    """Of CONTROL, since any daemon may have cached them: sessions have ended. The body is a document with ``sessions``,
    the documents of their notices."""
    SWEEP = 7
    """Of CONTROL: more happened than hints can say. Its receivers read the heads of all followed streams."""
    COUNTS = 8
    """Of CONTROL: hits that another daemon counted ([limits] shared)."""


CONTROL = Id("control")
"""The stream that every daemon follows."""

PacketHandler = Callable[[Id, bytes], None]
"""Is called with the stream and the body of a packet. It must not raise."""


class IBus(Interface):
    """Packets between the daemons of one database, by stream. A packet can be lost, and it can come twice.

    A daemon receives its own packets too; those of kind ENTRY, which it has, only from some nodes. Packets of one
    stream from one daemon arrive in order, but for those that come again: when a node is back, the packets that it had
    not confirmed are sent anew.
    """

    def on_packet(kind: PacketKind, handler: PacketHandler) -> None:
        """Call ``handler`` with each packet of this kind in the streams that are followed."""

    def publish(stream: Id, kind: PacketKind, body: bytes) -> bool:
        """Send a packet, with everything else that is published in this reactor turn. Never waits.

        Returns False, and drops the packet, where there is no connection to the node that owns the stream. After True
        the node receives it, if need be after a reconnect, or all daemons receive a SWEEP, unless this process ends
        before.
        """

    def follow(stream: Id) -> "Deferred[bool]":
        """Receive the packets of a stream until ``unfollow`` has been called as often as this.

        Fires with True once the node has confirmed, and with False at once where the node is away. The stream is
        followed all the same as soon as the node is back.
        """

    def unfollow(stream: Id) -> None:
        """Undo one ``follow``. Packets may come for a few seconds more."""

    def followed() -> Iterable[Id]:
        """The streams that are followed, CONTROL left out; also those whose subscription outlives their ``unfollow`` by
        a few seconds, since their epoch does.
        """

    def is_followed(stream: Id) -> bool:
        """Whether a stream is among those."""

    def epoch(stream: Id) -> int:
        """The number of the present subscription of a stream; 0 while it is not confirmed or its node is away.

        As long as the number is the same, no packet has been lost on the way from the node. Each subscription has a new
        number, in this process.
        """

    def on_change(handler: Callable[[], None]) -> None:
        """Call ``handler`` whenever a node goes away, or is back and has confirmed all that is followed."""

    def is_away() -> bool:
        """Whether any node is away, or daemons of another release publish what this one cannot read."""
