"""The declarations of the socket's messages: their names, their data, and who gets them.

``events.py`` makes them. ``/asyncapi.json`` is generated from this table, and the tests check each event against it.
"""

from typing import Literal, NotRequired

from attrs import frozen
from typing_extensions import TypedDict

from justchat.protocol.documents import DirectMessageDocument, GiftDocument, MessageDocument, SentMessage


class InitData(TypedDict):
    """A client says who it is, and, if it comes back, how far it has come."""

    session_key: str
    n: NotRequired[int | None]
    room: NotRequired[str | None]
    seq: NotRequired[int | None]


class ReadyEventData(TypedDict):
    """The position of the user's two streams; ``blocks`` has the latest whom the user blocks, at most 1,000."""

    error: None
    user: str
    n: int
    room: str | None
    seq: int | None
    blocks: list[str]


class CaughtUpEventData(TypedDict):
    """``recovered``: the client has received all that it missed. Else it loads that through the calls."""

    error: None
    recovered: bool


class ErrorEventData(TypedDict):
    """Why the socket is closed next."""

    error: str
    code: str
    status: int


class MessageEventData(MessageDocument):
    """A message of the room, with every field that the history has, null or not: one parser reads both. ``type`` is
    null.
    """

    error: None


class ServiceMessageEventData(MessageDocument):
    """What happened in a room; ``type`` says what. It has ``n`` for a user whom it concerns and who is not there."""

    error: None
    n: NotRequired[int]


class MessageRemovedEventData(TypedDict):
    """``message`` was removed: by ``author``, or by an operator if that is null.

    Of a room's message it has ``room`` and ``seq``, of a direct message ``n``. ``held``: it was held, and has no place.
    """

    error: None
    _id: str
    message: str
    room: str | None
    author: str | None
    created_at: str
    seq: NotRequired[int]
    n: NotRequired[int]
    held: NotRequired[bool]


class DirectMessageEventData(SentMessage):
    """A direct message, as it was when it was sent."""

    error: None
    n: int
    type: Literal["direct-message"]


class ReadMessageEventData(TypedDict):
    """``author`` has read the message ``data`` of ``user``."""

    error: None
    n: int
    _id: str
    author: str
    user: str
    create_at: str
    created_at: str
    data: DirectMessageDocument


class GiftMessageEventData(GiftDocument):
    """``author`` gave ``gift`` to ``user``, who was in ``room``. Others in that room get it without ``n``."""

    error: None
    n: NotRequired[int]
    text: str
    author: str
    user: str
    room: str | None
    gift: GiftDocument


@frozen
class EventType:
    """A message of the socket. ``data`` is the TypedDict of its data, ``summary`` says when it is sent and to whom."""

    name: str
    data: type
    summary: str


INIT = EventType("init", InitData, "Binds the socket to a session. It is the only message of a client.")
EVENTS = (
    EventType("ready", ReadyEventData, "The socket is bound. What a client missed follows."),
    EventType("caught-up", CaughtUpEventData, "What the client missed has been sent."),
    EventType("error", ErrorEventData, "The daemon closes the socket."),
    EventType("message", MessageEventData, "Somebody wrote in the room, to every user in it."),
    EventType("service-message", ServiceMessageEventData, "A room has changed, to its users and whom that is about."),
    EventType("message-removed", MessageRemovedEventData, "A message was removed, to everybody who has it."),
    EventType("direct-message", DirectMessageEventData, "Somebody wrote directly, to the receiver."),
    EventType("read-message", ReadMessageEventData, "The receiver has read a direct message, to its author."),
    EventType("gift-message", GiftMessageEventData, "Somebody gave a gift, to the receiver and the users near."),
)
"""The events of the daemon."""
