"""What connections, the registry and replay ask of each other."""

from collections.abc import Awaitable, Callable, Iterable

from zope.interface import Attribute, Interface

from justchat.model.ids import Id
from justchat.model.user import Session
from justchat.protocol.encoded_events import EncodedBatch, EncodedEvent
from justchat.protocol.events import Position


class ISessionListener(Interface):
    """Is called with sessions that have ended."""

    def session_ended(session: Session) -> None:
        """Close the session's connections."""

    def close_expired() -> None:
        """Close the connections of sessions that are too old."""

    def bound_sessions() -> list[Session]:
        """The sessions that have connections."""


class IRegistry(Interface):
    """The connections that are bound to sessions."""

    def bind(connection: "IConnection", session: Session) -> None:
        """Add the connection to those of the session and its user."""

    def unbind(connection: "IConnection", session: Session) -> None:
        """Remove the connection. It receives nothing more, not even events that are queued for it."""

    def replace(connection: "IConnection", other: "IConnection", session: Session) -> None:
        """Put ``other`` in the connection's place. Events that are queued for the connection still go to it."""

    def count_connections(session: Session) -> int:
        """The number of connections that are bound to this session."""


class IPositions(Interface):
    """Where a user's streams stand."""

    async def position(user: Id, have: Position | None = None) -> Position:
        """The position of the latest events: the user's own, and those of the room that they are in.

        It is not before ``have``, what a client has received: perhaps through another daemon, a moment ago.

        The user's connections receive every event after it.
        """


class IArrivals(Interface):
    """The users who enter a room through another daemon."""

    async def arrive_first(user: Id, room: Id) -> None:
        """Let a user's connections here receive the events of a room, and all since the user entered it, before they
        receive what is about to happen.

        Returns when they do, or soon: it does not wait for a database that is away. Does nothing for a user without
        connections, or whose connections receive the events already.
        """


class IReplay(Interface):
    """What a client that reconnects has missed."""

    async def replay(
        user: Id, have: Position, upto: Position, send: Callable[[Iterable[EncodedEvent]], Awaitable[bool]]
    ) -> bool:
        """Send every event after ``have`` up to ``upto``, once each and in order, page by page.

        ``send`` returns when there is room for more, with False if the client has left. The result is False if some
        events cannot be sent: they are too old or too many, of another room, or were removed meanwhile.
        """


class IWire(Interface):
    """The transport that a connection writes to."""

    send_now = Attribute("the kernel's send(bytes), which returns the number it took; None while anything is buffered")

    def write(data: bytes) -> None:
        """Send after what is buffered, together with everything else that is written in this reactor turn."""


class IConnection(Interface):
    """A client's connection, of any protocol, as the registry sees it."""

    session = Attribute("the Session that it is bound to, or None")
    last_user = Attribute("whose session it was bound to last, or None")
    wire = Attribute("the IWire for frames of the raw WebSocket; None for other protocols, and while it is not open")

    awaits_position = Attribute(
        "whether it is being bound: events before its position, which is not read yet, are dropped"
    )

    def send(event: EncodedEvent) -> None:
        """Send an event. A reader that is too slow to keep up is closed instead (TOO_SLOW)."""

    def send_batch(batch: EncodedBatch) -> None:
        """Send several events, one after another."""

    def full() -> Awaitable[None] | None:
        """None while the reader keeps up; else an awaitable that is done when the reader has caught up or left. At most
        one caller may wait.
        """

    def close(code: int, reason: str) -> None:
        """Close the connection. Sending to it afterwards does nothing."""


class ISocketAccess(Interface):
    """The lines of WebSockets in the access log."""

    def address(peer: object, forwarded: str | None) -> str | None:
        """The address of a client. ``forwarded`` is the field of the handshake that our proxies write."""

    def refused(path: str, status: int, address: str | None) -> None:
        """Log a handshake that was refused."""

    def closed(path: str, code: int, seconds: float, address: str | None, user: Id | None) -> None:
        """Log a WebSocket that was closed, with its close code, and how long it was open."""
