"""What is told over the socket: each event's name, whom it is for, and its data."""

from collections.abc import Iterable, Mapping

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
    was_inside = entry.kind in (Kind.LEAVE, Kind.KICK) or entry.user in room.visitors
    return (entry.user,) if was_inside else ()
