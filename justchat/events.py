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

from justchat.documents import message_document
from justchat.errors import ApiError, reason_phrase
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.moment import iso, milliseconds
from justchat.model.room import Room


class Frame:
    """What is sent to a connection: ``text`` is the JSON of one event, in UTF-8.

    Encoded once per protocol, whoever and however many it goes to.
    """

    def __init__(self, text: bytes) -> None:
        self.text = text

    @cached_property
    def websocket(self) -> bytes:
        """An unmasked, unfragmented text frame (RFC 6455, section 5.2)."""
        length = len(self.text)
        if length < 126:
            return struct.pack("!BB", 0x81, length) + self.text
        if length < 1 << 16:
            return struct.pack("!BBH", 0x81, 126, length) + self.text
        return struct.pack("!BBQ", 0x81, 127, length) + self.text


@frozen
class Event:
    """An event by its name in the protocol; ``data`` is its payload, without ``error``, which is null."""

    name: str
    data: dict[str, Any]

    def to_json(self) -> bytes:
        return orjson.dumps({"event": self.name, "data": {"error": None, **self.data}})


def ready(user: Id) -> Event:
    """The socket is bound to a session of this user."""
    return Event("ready", {"user": user})


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


def audience(room: Room, entry: Entry) -> Iterable[Id]:
    """Who hears an entry: those in the room once it has happened, and the one it is about."""
    if entry.user is not None and entry.user not in room.users:
        return (*room.users, entry.user)
    return room.users
