"""Models to documents of MongoDB, and back. docs/database.rst describes every field."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from attrs import asdict
from bson import ObjectId

from justchat.errors import ApiError
from justchat.model.direct import DirectMessage
from justchat.model.entry import CHANGES_MESSAGE, Entry, Expired, Hold, Kind
from justchat.model.gift import Gift, Reason, Transfer
from justchat.model.ids import Id, Members, is_well_formed
from justchat.model.moment import EPOCH, Moment
from justchat.model.room import HeldMessage, Room
from justchat.model.room_settings import RoomSettings
from justchat.model.text import fold
from justchat.store.marks import MARK
from justchat.store.mongo.client import Document

OF_USERS = frozenset(
    {Kind.DIRECT_MESSAGE, Kind.DIRECT_RELEASE, Kind.DIRECT_REMOVED, Kind.READ, Kind.GIFT, Kind.NOTICE}
    | {Kind.BLOCK, Kind.UNBLOCK, Kind.BLOCKED, Kind.REFUSED}
)
KINDS = {kind.value: kind for kind in Kind}
_VALUES = {kind: kind.value for kind in Kind}
"""(``kind.value`` takes as long as three fields of a document.)"""
CHANGES_ROOM = frozenset(Kind) - OF_USERS - CHANGES_MESSAGE - {Kind.MESSAGE, Kind.VOID}
HOLDS = frozenset(hold.value for hold in Hold)


def object_id(id: Id, missing: type[ApiError]) -> ObjectId:
    """The ObjectId of an id. A malformed id names nothing, so it raises ``missing``."""
    if not is_well_formed(id):
        raise missing
    return ObjectId(id)


FIELDS_OF_MESSAGE = 7
"""Fields of a message that refers to nothing."""
_EPOCH = EPOCH.replace(tzinfo=None)
_cached_object_id = lru_cache(10_000)(ObjectId)
"""The ObjectId of an id that many entries have: a room's, an author's."""


id_of = cast(Callable[[ObjectId], Id], str)
"""The id of an ObjectId."""


def moment(value: datetime) -> Moment:
    """A time of the database, which comes without a zone (``mongo/pool.py``)."""
    return EPOCH + (value - _EPOCH)  # takes a sixth of replace()


def moment_or_none(value: datetime | None) -> Moment | None:
    return None if value is None else moment(value)


def _members(values: list[ObjectId]) -> Members:
    return dict.fromkeys(map(id_of, values)) if values else {}  # most are empty


def _object_ids(members: Members) -> list[ObjectId]:
    return [ObjectId(member) for member in members]


def entry_to_document(entry: Entry) -> Document:
    kind = entry.kind
    document: Document = {
        "_id": ObjectId(entry.id),
        "stream": _cached_object_id(entry.stream),
        "seq": entry.seq,
        "kind": _VALUES[kind],
        "author": _cached_object_id(entry.author),
        "create_at": entry.created_at,
    }
    if entry.text is not None:
        document["text"] = entry.text
    if entry.user is not None:
        document["user"] = _cached_object_id(entry.user)
    if entry.ref_message is not None:
        document["ref_message"] = entry_to_document(entry.ref_message)
    if entry.finished is not None:
        document["finished"] = entry.finished
    if entry.room is not None:
        document["room"] = ObjectId(entry.room)
    if entry.order is not None:
        document["order"] = entry.order
    if entry.gift is not None:
        document["gift"] = gift_to_document(entry.gift)
    if entry.removed_at is not None:
        document["removed_at"] = entry.removed_at
    if kind is not Kind.MESSAGE or entry.held is not None:
        document |= _more_by_kind(entry)
    return document


def _more_by_kind(entry: Entry) -> Document:
    if entry.kind is Kind.DIRECT_MESSAGE:
        of_dialog = {"pair": pair(entry.author, entry.stream), "read": False, "removed_by": []}
        if entry.is_announcement:
            return {**of_dialog, "removed_by": [ObjectId(entry.author)]}
        return of_dialog if entry.held is None else {**of_dialog, **hidden_from(entry.stream), **_held(entry)}
    if entry.kind is Kind.MESSAGE:
        return _held(entry)
    if entry.kind is Kind.VOID and entry.voids is not None:
        dropped = {} if entry.message is None else {"message": ObjectId(entry.message)}
        return {"voids": entry.voids, "changes": True, **dropped}
    if entry.kind in CHANGES_MESSAGE or entry.kind in (Kind.DIRECT_RELEASE, Kind.DIRECT_REMOVED):
        return _change_of_message(entry)
    if entry.blocks is not None:
        return {"blocks": [{"user": ObjectId(user), "at": at} for user, at in entry.blocks.items()]}
    settings = {} if entry.settings is None else {"settings": asdict(entry.settings)}
    return {"changes": True, **settings} if entry.kind in CHANGES_ROOM else {}


def _change_of_message(entry: Entry) -> Document:
    gap = {} if entry.gap is None else {"gap": entry.gap}
    if entry.expired is not None:
        return {"expired": entry.expired._asdict(), **gap}
    assert entry.message is not None
    # Until the words of the message are gone from the database, ``scrub`` is when they are to be looked for.
    # (Of a direct message there is an entry in two streams: that in the receiver's has the mark.)
    is_marked = entry.kind is Kind.MESSAGE_REMOVED or (entry.kind is Kind.DIRECT_REMOVED and entry.stream == entry.user)
    scrub = {"scrub": entry.created_at} if is_marked else {}
    return {"message": ObjectId(entry.message), **scrub, **gap}


def _held(entry: Entry) -> Document:
    return {} if entry.held is None else {"held": entry.held.value}


def hidden_from(receiver: Id) -> Document:
    """The fields of a direct message that its receiver does not see, as if they had removed their copy unread."""
    return {"read": None, "removed_by": [ObjectId(receiver)]}


def pair(one: Id, other: Id) -> str:
    """The value that both directions of a dialog share."""
    return f"{one}:{other}" if one < other else f"{other}:{one}"


def direct_from_document(document: Document) -> DirectMessage:
    return DirectMessage(
        id=id_of(document["_id"]),
        author=id_of(document["author"]),
        user=id_of(document["user"]),
        text=document.get("text"),
        created_at=moment(document["create_at"]),
        read_at=moment_or_none(document.get("read_at")),
        order=document.get("order"),
        is_held=document.get("held") == Hold.WAITING,
        removed_at=moment_or_none(document.get("removed_at")),
    )


def direct_to_document(message: DirectMessage) -> Document:
    """A direct message as a complaint quotes it."""
    return {
        "_id": ObjectId(message.id),
        "kind": Kind.DIRECT_MESSAGE.value,
        "author": ObjectId(message.author),
        "user": ObjectId(message.user),
        "text": message.text,
        "create_at": message.created_at,
        "read_at": message.read_at,
        "order": message.order,
    }


def gift_to_document(gift: Gift) -> Document:
    return {
        "_id": ObjectId(gift.id),
        "name": gift.name,
        "image": gift.image,
        "price": gift.price,
        "create_at": gift.created_at,
    }


def gift_from_document(document: Document) -> Gift:
    return Gift(
        id=id_of(document["_id"]),
        name=document["name"],
        image=document["image"],
        price=document["price"],
        created_at=moment(document["create_at"]),
    )


def transfer_to_document(transfer: Transfer) -> Document:
    document: Document = {
        "_id": ObjectId(transfer.id),
        "user": ObjectId(transfer.user),
        "amount": transfer.amount,
        "reason": transfer.reason.value,
        "create_at": transfer.created_at,
    }
    if transfer.gift is not None and transfer.to is not None:
        document |= {"gift": gift_to_document(transfer.gift), "to": ObjectId(transfer.to), "text": transfer.text}
    if transfer.note is not None:
        document["note"] = transfer.note
    return document


def transfer_from_document(document: Document) -> Transfer:
    gift, to = document.get("gift"), document.get("to")
    return Transfer(
        id=id_of(document["_id"]),
        user=id_of(document["user"]),
        amount=document["amount"],
        reason=Reason(document["reason"]),
        created_at=moment(document["create_at"]),
        gift=None if gift is None else gift_from_document(gift),
        to=None if to is None else id_of(to),
        text=document.get("text"),
        note=document.get("note"),
    )


def entry_from_document(document: Document) -> Entry:
    text = document.get("text")
    # Nearly all are messages that refer to nothing.
    more = _more_of(document) if text is None or len(document) > FIELDS_OF_MESSAGE + (MARK in document) else {}
    return Entry(
        id=id_of(document["_id"]),
        stream=id_of(document["stream"]),
        seq=document["seq"],
        kind=KINDS[document["kind"]],
        author=id_of(document["author"]),
        created_at=moment(document["create_at"]),
        text=text,
        **more,
    )


def _more_of(document: Document) -> dict[str, Any]:
    user, ref_message = document.get("user"), document.get("ref_message")
    gift, room, message = document.get("gift"), document.get("room"), document.get("message")
    blocks, settings = document.get("blocks"), document.get("settings")
    return {
        "user": None if user is None else id_of(user),
        "ref_message": None if ref_message is None else entry_from_document(ref_message),
        "finished": moment_or_none(document.get("finished")),
        "gift": None if gift is None else gift_from_document(gift),
        "room": None if room is None else id_of(room),
        "order": document.get("order"),
        "voids": document.get("voids"),
        "message": None if message is None else id_of(message),
        "removed_at": moment_or_none(document.get("removed_at")),
        "gap": document.get("gap"),
        "settings": None if settings is None else RoomSettings(**settings),
        "blocks": None if blocks is None else {id_of(each["user"]): moment(each["at"]) for each in blocks},
        "held": None if "held" not in document else Hold(document["held"]),
        "expired": None if "expired" not in document else Expired(**document["expired"]),
    }


def room_to_document(room: Room, seq: int) -> Document:
    """The snapshot of a room after its entry ``seq``."""
    return {
        "_id": ObjectId(room.id),
        "admin": ObjectId(room.admin),
        "create_at": room.created_at,
        **room_changes(room, seq),
    }


@lru_cache(10_000)
def searched_name(name: str) -> Document:
    """The fields of a room's snapshot by which its name is searched."""
    folded = fold(name)
    return {"folded": folded, "trigrams": trigrams(folded)}


def trigrams(folded: str) -> list[str]:
    """Every three letters in a row, once: the index by which a search finds a part of a name."""
    return sorted({folded[start : start + 3] for start in range(len(folded) - 2)})


def room_changes(room: Room, seq: int) -> Document:
    """The fields of a snapshot that the log can change."""
    return {
        "seq": seq,
        "name": room.name,
        **searched_name(room.name),
        "private": room.password is not None,
        "password": room.password,
        "slow_mode": room.slow_mode,
        "spoke_at": dict(room.spoke_at),
        "n_users": len(room.users),
        "full": len(room.users) >= room.max_users,
        "max_users": room.max_users,
        "admin": ObjectId(room.admin),
        "moderators": _object_ids(room.moderators),
        "users": _object_ids(room.users),
        "banned": _object_ids(room.banned),
        "visiters": _object_ids(room.visitors),
        "silently": dict(room.silenced_until),
        "removed": room.removed,
        "voids": list(room.voids),
        "message_changes": room.message_changes,
        "latest_gap": room.latest_gap,
        "removed_lately": dict(room.removed_lately),
        "held": [
            {"_id": ObjectId(message), "seq": held.seq, "author": ObjectId(held.author)}
            for message, held in room.held.items()
        ],
        "expired": room.expired._asdict(),
    }


NOTHING_EXPIRED = {"upto": 0, "changes": 0}
ROOM = (
    *("_id", "name", "admin", "create_at", "max_users", "password", "moderators", "users", "banned", "visiters"),
    *("slow_mode", "spoke_at"),
    *(
        "silently",
        "removed",
        "voids",
        "message_changes",
        "latest_gap",
        "removed_lately",
        "held",
        "expired",
        "seq",
    ),
)
"""The fields that a room is read from; its document has more, for searches."""


def room_from_document(document: Document) -> tuple[Room, int]:
    """The room, and the seq up to which the snapshot is true."""
    silenced_until, removed = document["silently"], document.get("removed_lately")
    spoke_at = document.get("spoke_at")
    room = Room(
        id=id_of(document["_id"]),
        name=document["name"],
        admin=id_of(document["admin"]),
        created_at=moment(document["create_at"]),
        max_users=document["max_users"],
        password=document["password"],
        moderators=_members(document["moderators"]),
        users=_members(document["users"]),
        banned=_members(document["banned"]),
        visitors=_members(document["visiters"]),
        silenced_until={Id(user): moment(until) for user, until in silenced_until.items()} if silenced_until else {},
        removed=document["removed"],
        voids=tuple(document["voids"]),
        # Rooms of an early release have none of these.
        slow_mode=document.get("slow_mode", 0),
        spoke_at={Id(user): moment(at) for user, at in spoke_at.items()} if spoke_at else {},
        message_changes=document.get("message_changes", 0),
        latest_gap=document.get("latest_gap", -1),
        removed_lately={Id(message): moment(at) for message, at in removed.items()} if removed else {},
        held={id_of(each["_id"]): HeldMessage(each["seq"], id_of(each["author"])) for each in document.get("held", ())},
        expired=Expired(**document.get("expired", NOTHING_EXPIRED)),
    )
    return room, document["seq"]
