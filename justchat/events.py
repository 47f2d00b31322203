"""What can be told over the socket: each event's name, whom it is for, and its data.

A room's entry becomes one event (docs/protocol.rst, "Events"). ``to_json`` makes the text of the frame, once,
whoever and however many it goes to.
"""

import struct
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import orjson
from attrs import frozen

from justchat.documents import gift_document, message_document, receipt_document
from justchat.errors import ApiError, reason_phrase
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.moment import iso, milliseconds
from justchat.model.room import Room


class Frame:
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
        """An unmasked, unfragmented text frame (RFC 6455, section 5.2)."""
        length = len(self.text)
        if length < 126:
            return struct.pack("!BB", 0x81, length) + self.text
        if length < 1 << 16:
            return struct.pack("!BBH", 0x81, 126, length) + self.text
        return struct.pack("!BBQ", 0x81, 127, length) + self.text


@frozen(kw_only=True)
class Position:
    """How far events have come, or a client has heard them: ``n`` of the user's own, ``seq`` of a room's.

    None is what a client does not speak of; ``room`` is None, too, for one who is in no room.
    """

    n: int | None
    room: Id | None
    seq: int | None


@frozen
class Event:
    """An event by its name in the protocol; ``data`` is its payload, without ``error``, which is null."""

    name: str
    data: dict[str, Any]

    def to_json(self) -> bytes:
        return orjson.dumps({"event": self.name, "data": {"error": None, **self.data}})


def ready(user: Id, at: Position) -> Event:
    """The socket is bound to a session of this user; ``at`` is where their events stand."""
    return Event("ready", {"user": user, "n": at.n, "room": at.room, "seq": at.seq})


def caught_up(recovered: bool) -> Event:
    """A client that came back has heard what it missed, or must load it through the calls."""
    return Event("caught-up", {"recovered": recovered})


def refusal(error: ApiError) -> bytes:
    """The text of the frame that goes before a socket is closed for ``error``."""
    return orjson.dumps({"event": "error", "data": {"error": reason_phrase(error.status), "status": error.status}})


def of_entry(entry: Entry) -> Event | None:
    """The event of a room's entry; None where there is nothing to tell."""
    if entry.kind is Kind.VOID:
        return None
    data: dict[str, Any] = {
        "_id": entry.id,
        "room": entry.stream,
        "seq": entry.seq,
        "author": entry.author,
        "created_at": iso(entry.create_at),
    }
    if entry.kind is Kind.MESSAGE:
        data["text"] = entry.text
        if entry.ref_message is not None:
            data["ref_message"] = message_document(entry.ref_message)
        return Event("message", data)
    data["type"] = entry.kind.value
    data["user"] = entry.user
    data["ref_message"] = message_document(entry.ref_message) if entry.ref_message else None
    if entry.text is not None:
        data["text"] = entry.text
    if entry.finished is not None:
        data["finished"] = milliseconds(entry.finished)
    return Event("service-message", data)


def of_mailbox(entry: Entry) -> Event | None:
    """The event of an entry that is addressed to a user; None where there is nothing to tell."""
    if entry.kind is Kind.VOID:
        return None
    data: dict[str, Any] = {
        "_id": entry.id,
        "n": entry.seq,
        "author": entry.author,
        "user": entry.user,
        "created_at": iso(entry.create_at),
    }
    match entry.kind:
        case Kind.DIRECT_MESSAGE:
            data |= {"type": "direct-message", "text": entry.text}
        case Kind.READ:
            assert entry.ref_message is not None
            data = {"_id": entry.id, "n": entry.seq, "data": receipt_document(entry)}
        case Kind.NOTICE:
            assert entry.ref_message is not None
            told = of_entry(entry.ref_message)
            assert told is not None
            data = {**told.data, "n": entry.seq}
        case Kind.GIFT:
            assert entry.gift is not None
            data |= {"room": entry.room, "gift": gift_document(entry.gift), "text": entry.text}
    return Event(entry.kind.value, data)


def for_roommates(event: Event) -> Event:
    """An event addressed to one user as those around them hear it: the number is that one's alone."""
    return Event(event.name, {key: value for key, value in event.data.items() if key != "n"})


def absent(room: Room, entry: Entry) -> Iterable[Id]:
    """Those an entry is about who are not in the room once it has happened: they are told by their own stream."""
    if entry.kind is Kind.REMOVE_ROOM:
        return room.users
    if entry.user is not None and entry.user not in room.users:
        return (entry.user,)
    return ()
