"""The events that are sent to connections: their names, their data and their audience."""

from collections.abc import Iterable, Mapping, Sequence

import orjson
from attrs import field, frozen

from justchat.errors import ApiError, reason_phrase
from justchat.model.entry import OPERATOR, SILENT, Entry, Kind
from justchat.model.ids import Id
from justchat.model.moment import iso
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
    """A position in a user's two streams: ``n`` in the user's own, ``seq`` in that of the room they are in.

    It says how far the streams have come, or how much of them a client has received. A number is None where a client
    gives none. ``room`` is None where a client gives none, and for a user who is in no room.
    """

    n: int | None
    room: Id | None
    seq: int | None
    entered: int = field(default=0, eq=False)
    """Of a user's streams: the place in the order of an entering that the user has made by then. Those up to that are
    known: the user is in ``room``, or in none.
    """


@record
class Event:
    """An event: its name in the protocol, and its payload without ``error``, which is always null."""

    name: str
    data: Mapping[str, object]

    def to_json(self) -> bytes:
        # Every message passes here, so the JSON is joined instead of copying the data into a larger dictionary.
        return b'{"event":"' + self.name.encode() + b'","data":{"error":null,' + orjson.dumps(self.data)[1:] + b"}"


BLOCKS_IN_READY = 1000


def ready_event(user: Id, at: Position, blocks: Sequence[Id]) -> Event:
    """The connection is bound to a session of this user, whose streams stand at ``at`` and who blocks ``blocks``."""
    position = {"user": user, "n": at.n, "room": at.room, "seq": at.seq}
    return Event("ready", {**position, "blocks": blocks[:BLOCKS_IN_READY]})


def caught_up_event(recovered: bool) -> Event:
    """The replay is over: the client has received all that it missed, or must load it through the calls."""
    return Event("caught-up", {"recovered": recovered})


def encode_error_event(error: ApiError) -> bytes:
    """The JSON of the event that precedes the closing of a connection because of ``error``."""
    data = {"error": reason_phrase(error.status), "code": error.code, "status": error.status}
    return orjson.dumps({"event": "error", "data": data})


def event_of_entry(entry: Entry) -> Event | None:
    """The event of a room's entry, with the entry's document in the room's history; None for a silent one."""
    if entry.is_silent:
        return None
    if entry.kind is Kind.MESSAGE_REMOVED or entry.is_drop:
        return _removal_event(entry)
    if entry.kind is Kind.RELEASE:
        return _release_event(entry)
    name = "message" if entry.kind is Kind.MESSAGE else "service-message"
    return Event(name, message_document(entry))


def _release_event(entry: Entry) -> Event:
    """The event of the message, with the release's seq."""
    assert entry.ref_message is not None
    message = entry.ref_message
    return Event("message", {**message_document(message), "seq": entry.seq, "message_seq": message.seq})


def _removal_event(entry: Entry) -> Event:
    """``author`` is who removed the message, null for an operator. ``held``: it was held, and has no place any more."""
    data = {
        "_id": entry.id,
        "message": entry.message,
        "room": entry.stream,
        "author": None if entry.author == OPERATOR or entry.is_drop else entry.author,
        "seq": entry.seq,
        "created_at": iso(entry.created_at),
    }
    return Event(Kind.MESSAGE_REMOVED.value, {**data, "held": True} if entry.is_drop else data)


def _direct_removal_event(entry: Entry) -> Event:
    """As that of a room's message; with ``n``, and without ``room`` and ``seq``."""
    data = {
        "n": entry.seq,
        "_id": entry.id,
        "message": entry.message,
        "room": None,
        "author": None,
        "created_at": iso(entry.created_at),
    }
    return Event(Kind.MESSAGE_REMOVED.value, data)


def event_of_mailbox_entry(entry: Entry) -> Event | None:
    """The event of an entry in a user's own stream; None for SILENT ones.

    Its data are those that the calls return of the same thing, and ``n``.
    """
    if entry.kind in SILENT:
        return None
    match entry.kind:
        case Kind.DIRECT_MESSAGE:
            shown: Mapping[str, object] = {**sent_document(entry), "type": "direct-message"}
        case Kind.DIRECT_RELEASE:
            assert entry.ref_message is not None
            return Event(
                "direct-message", {"n": entry.seq, **sent_document(entry.ref_message), "type": "direct-message"}
            )
        case Kind.DIRECT_REMOVED:
            return _direct_removal_event(entry)
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


def event_for_roommates(event: Event) -> Event:
    """A user's own event as the others in the room receive it: without ``n``, which counts that user's stream."""
    return Event(event.name, {key: value for key, value in event.data.items() if key != "n"})


def is_for_some(entry: Entry) -> bool:
    """Whether an entry of a room is told to some of its users only (``may_hear``): a held message, or its end."""
    return entry.held is not None or entry.kind is Kind.RELEASE or entry.is_drop


def may_hear(entry: Entry, user: Id) -> bool:
    """Whether an entry of a room is told to a user in it. Its author is told of a held message at once, others when it
    is let go.
    """
    if entry.held is not None or entry.is_drop:
        return user == entry.author
    return entry.kind is not Kind.RELEASE or user != entry.author


def absentees(room: Room, entry: Entry) -> Iterable[Id]:
    """The users whom an entry concerns and who are not in the room after it: they learn of it by their own streams.

    A user who was never in the room is not among them. Otherwise anybody could open a room and send service messages
    to anybody.
    """
    if entry.kind is Kind.REMOVE_ROOM:
        return room.users
    if entry.user is None or entry.user in room.users:
        return ()
    was_inside = entry.kind in (Kind.LEAVE, Kind.KICK) or entry.user in room.visitors
    return (entry.user,) if was_inside else ()
