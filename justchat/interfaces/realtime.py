"""What connections, the registry and replay ask of each other."""

from collections.abc import Awaitable, Callable, Iterable

from zope.interface import Attribute, Interface

from justchat.model.ids import Id
from justchat.model.user import Session
from justchat.protocol.encoded_events import EncodedBatch, EncodedEvent
from justchat.protocol.events import Position


class ISessionListener(Interface):
    """Hears of sessions that have ended."""

    def session_ended(session: Session) -> None:
        """Close the session's connections."""


class IRegistry(Interface):
    """Who is connected."""

    def bind(connection: "IConnection", session: Session) -> None:
        """The connection speaks for this session from now on."""

    def unbind(connection: "IConnection", session: Session) -> None:
        """The connection is gone."""

    def replace(connection: "IConnection", other: "IConnection", session: Session) -> None:
        """The other speaks for the session from now on. What waits for the first still goes to that."""

    def sockets_of(session: Session) -> int:
        """How many connections speak for this session."""


class IReplay(Interface):
    """What a client that comes back has missed."""

    async def position(user: Id) -> Position:
        """How far the user's events, and those of the room they are in, have come."""

    async def replay(
        user: Id, have: Position, upto: Position, send: Callable[[Iterable[EncodedEvent]], Awaitable[bool]]
    ) -> bool:
        """Send every event after ``have`` up to ``upto``, once each and in order, page by page.

        ``send`` returns when there is room for more, with False where nobody listens any more. The result is False
        where events cannot be told: they are too long ago, or of another room, or were removed meanwhile.
        """


class IWire(Interface):
    """What a connection's bytes go out on."""

    send_now = Attribute("the kernel's send(bytes), which says how many it took; None while anything waits to be sent")

    def write(data: bytes) -> None:
        """Send after what waits, with what else is written in this turn of the reactor."""


class IConnection(Interface):
    """A client's socket, of whatever protocol, as the registry sees it."""

    session = Attribute("the Session it is bound to, or None")
    wire = Attribute("the IWire for frames of the raw WebSocket; None where it speaks otherwise, or is not open")

    def send(frame: EncodedEvent) -> None:
        """Send a frame; a reader too slow to keep up is closed (4413) instead."""

    def send_batch(burst: EncodedBatch) -> None:
        """Send several frames, one after another."""

    def full() -> Awaitable[None] | None:
        """None where the reader keeps up; else what is done when they have, or are gone. One may wait for it."""

    def close(code: int, reason: str) -> None:
        """Close the connection; sending to it afterwards does nothing."""
