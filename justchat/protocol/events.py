"""What can be told over the socket: each event's name, whom it is for, and its data.

A room's entry becomes one event (docs/protocol.rst, "Events"). ``to_json`` makes the text of the frame, once,
whoever and however many it goes to.
"""

import json
import re
import struct
from collections.abc import Iterable, Mapping
from functools import cached_property

import orjson
from attrs import frozen

from justchat.errors import ApiError, reason_phrase
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.record import record
from justchat.model.room import Room
from justchat.protocol.documents import (
    gift_document,
    message_document,
    receipt_document,
    sended_gift_document,
    sent_document,
)


class EncodedEvent:
    """What is sent to a connection: ``text`` is the JSON of one event, in UTF-8.

    Encoded once per protocol, whoever and however many it goes to. ``stream`` and ``seq`` say which entry it
    tells of, where it is one.
    """

    def __init__(self, text: bytes, stream: Id | None = None, seq: int = 0) -> None:
        self.text = text
        self.stream = stream
        self.seq = seq

    @cached_property
    def websocket(self) -> bytes:
        """The raw socket's: the text as it is."""
        return _encode_text_frame(self.text)

    @cached_property
    def name(self) -> str:
        """The event's name."""
        return self.text[len(_BEFORE_NAME) : self.text.index(_BEFORE_DATA)].decode()

    @property
    def data(self) -> bytes:
        """The JSON of the event's data. Cut out of the text, which we made ourselves, rather than made again."""
        return self.text[self.text.index(_BEFORE_DATA) + len(_BEFORE_DATA) : -1]

    @cached_property
    def socketio(self) -> "Packet":
        """A Socket.IO EVENT in an Engine.IO message: the event's name, and its data as the one argument."""
        return Packet(b'42["%s",%s]' % (self.name.encode(), self.data))


class EncodedBatch:
    """Frames that go to the same connections one after another, joined once for all of them."""

    def __init__(self, frame: EncodedEvent) -> None:
        self.frames = [frame]

    @cached_property
    def websocket(self) -> bytes:
        """The raw socket's. From now on no frame may be added."""
        frames = self.frames
        return frames[0].websocket if len(frames) == 1 else b"".join([frame.websocket for frame in frames])


_BEFORE_NAME = b'{"event":"'
_BEFORE_DATA = b'","data":'


class Packet:
    """An Engine.IO packet on its way out, encoded once per transport."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    @cached_property
    def websocket(self) -> bytes:
        """Over WebSocket: one text frame."""
        return _encode_text_frame(self.text)

    @cached_property
    def counted(self) -> bytes:
        """In an answer of Engine.IO 3 polling: its length in UTF-16 units goes before it.

        Whatever is not ASCII is escaped, as JSON may be: clients 1.x decode UTF-8 twice here, later ones once.
        """
        text = _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], self.text.decode())
        return b"%d:%s" % (len(text), text.encode())


_NOT_ASCII = re.compile("[^\x00-\x7f]")


def _encode_text_frame(text: bytes) -> bytes:
    """An unmasked, unfragmented text frame (RFC 6455, section 5.2)."""
    length = len(text)
    if length < 126:
        return struct.pack("!BB", 0x81, length) + text
    if length < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, length) + text
    return struct.pack("!BBQ", 0x81, 127, length) + text


@frozen(kw_only=True)
class Position:
    """How far events have come, or a client has heard them: ``n`` of the user's own, ``seq`` of a room's.

    None is what a client does not speak of; ``room`` is None, too, for one who is in no room.
    """

    n: int | None
    room: Id | None
    seq: int | None


@record
class Event:
    """An event by its name in the protocol; ``data`` is its payload, without ``error``, which is null."""

    name: str
    data: Mapping[str, object]

    def to_json(self) -> bytes:
        # Joined, not copied into a larger dictionary: this is done for every message.
        return b'{"event":"' + self.name.encode() + b'","data":{"error":null,' + orjson.dumps(self.data)[1:] + b"}"


def ready(user: Id, at: Position) -> Event:
    """The socket is bound to a session of this user; ``at`` is where their events stand."""
    return Event("ready", {"user": user, "n": at.n, "room": at.room, "seq": at.seq})


def caught_up(recovered: bool) -> Event:
    """A client that came back has heard what it missed, or must load it through the calls."""
    return Event("caught-up", {"recovered": recovered})


def refusal(error: ApiError) -> bytes:
    """The text of the frame that goes before a socket is closed for ``error``."""
    data = {"error": reason_phrase(error.status), "code": error.code, "status": error.status}
    return orjson.dumps({"event": "error", "data": data})


def of_entry(entry: Entry) -> Event | None:
    """The event of a room's entry: what the room's history shows of it. None where there is nothing to tell."""
    if entry.kind is Kind.VOID:
        return None
    name = "message" if entry.kind is Kind.MESSAGE else "service-message"
    return Event(name, message_document(entry))


def of_mailbox(entry: Entry) -> Event | None:
    """The event of an entry that is addressed to a user; None where there is nothing to tell.

    Its data are what the calls show of the same thing, and ``n``.
    """
    match entry.kind:
        case Kind.VOID:
            return None
        case Kind.DIRECT_MESSAGE:
            shown: Mapping[str, object] = {**sent_document(entry), "type": "direct-message"}
        case Kind.READ:
            message = receipt_document(entry)
            read_at = message["read_at"]
            shown = {
                "_id": message["_id"],
                "author": entry.author,
                "user": entry.user,
                "create_at": read_at,
                "created_at": read_at,
                "data": message,
            }
        case Kind.NOTICE:
            assert entry.ref_message is not None
            shown = message_document(entry.ref_message)
        case Kind.GIFT:
            assert entry.gift is not None
            given = sended_gift_document(entry)
            shown = {
                **given,
                "created_at": given["create_at"],
                "room": entry.room,
                "user": entry.user,
                "gift": gift_document(entry.gift),
            }
    return Event(entry.kind.value, {"n": entry.seq, **shown})


def for_roommates(event: Event) -> Event:
    """An event addressed to one user as those around them hear it: the number is that one's alone."""
    return Event(event.name, {key: value for key, value in event.data.items() if key != "n"})


def absent(room: Room, entry: Entry) -> Iterable[Id]:
    """Those an entry is about who are not in the room any more once it has happened: their own stream tells them.

    Who was never inside is told nothing: anybody can open a room, and have words for anybody.
    """
    if entry.kind is Kind.REMOVE_ROOM:
        return room.users
    if entry.user is None or entry.user in room.users:
        return ()
    was_inside = entry.kind in (Kind.LEAVE, Kind.KICK) or entry.user in room.visiters
    return (entry.user,) if was_inside else ()
