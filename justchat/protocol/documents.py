"""The documents that clients see (docs/protocol.rst, "Documents"), made from models.

They are TypedDicts: these cost nothing at run time, mypy checks them, and tests use them as the schema of answers.
"""

from typing import NotRequired

from typing_extensions import TypedDict

from justchat.model.complaint import Complaint
from justchat.model.direct import DirectMessage
from justchat.model.entry import Entry, Kind
from justchat.model.gift import Gift, Transfer
from justchat.model.ids import Id
from justchat.model.moment import Moment, iso, milliseconds
from justchat.model.room import ListedRoom, Room
from justchat.model.user import User


class RoomDocument(TypedDict):
    """A room. ``silently`` has the end of each silence, in milliseconds since the epoch.

    In a list of rooms, ``banned``, ``visiters`` and ``silently`` are absent, and ``moderators`` and ``users`` have at
    most the first 100. ``users_count`` always counts all users.
    """

    _id: str
    name: str
    max_users: int
    slow_mode: int
    admin: str
    moderators: list[str]
    users: list[str]
    users_count: int
    banned: NotRequired[list[str]]
    visiters: NotRequired[list[str]]
    silently: NotRequired[dict[str, int]]
    is_private: bool
    create_at: str
    created_at: str


class MessageDocument(TypedDict):
    """A message, or a service message, which has a ``type``. A silence has ``finished``: its end, in milliseconds since
    the epoch. Of a message that was removed, ``text`` and ``ref_message`` are null and ``removed_at`` says when.
    ``held`` is true in a message that only its author sees, for now. ``message_seq`` is in the event of a held message
    that is let go: its seq in the history.
    """

    _id: str
    author: str
    text: str | None
    room: str
    user: str | None
    ref_message: "MessageDocument | None"
    type: str | None
    create_at: str
    created_at: str
    seq: int
    finished: NotRequired[int]
    removed_at: NotRequired[str]
    held: NotRequired[bool]
    message_seq: NotRequired[int]


class SentMessage(TypedDict):
    """What a direct message has in calls and in events alike."""

    _id: str
    author: str
    user: str
    text: str | None
    room: None
    ref_message: None
    create_at: str
    created_at: str
    read: bool
    read_at: str | None
    held: NotRequired[bool]
    removed_at: NotRequired[str]


class DirectMessageDocument(SentMessage):
    """A direct message; ``read_at`` is null until its receiver has read it. ``held`` is true in a message that only its
    author sees, for now. What still shows a message whose text was removed on both sides, as an event that is sent
    again, has the text null, and ``removed_at``.
    """

    type: None


class GiftDocument(TypedDict):
    """A gift of the catalogue; ``price`` in coins."""

    _id: str
    name: str
    image: str
    price: int
    create_at: str
    created_at: str


class SendedGiftDocument(GiftDocument):
    """A gift that a user has received."""

    text: str
    author: str


class UserDocument(TypedDict):
    """A user. Only the user sees ``balance``; the operator's settings say who sees ``phone``. ``gifts`` has the latest
    of the ``gifts_count`` gifts.
    """

    _id: str
    phone: NotRequired[str | None]
    nickname: str | None
    location: str | None
    photo: str | None
    dob: str | None
    gender: int | None
    room: str | None
    rooms: list[str]
    visitedRooms: list[str]
    gifts: list[SendedGiftDocument]
    gifts_count: int
    balance: NotRequired[int]
    create_at: str
    created_at: str


class TransferDocument(TypedDict):
    """A change of a balance: ``amount`` in coins, ``gift`` and ``to`` of one that paid for a gift."""

    _id: str
    create_at: str
    amount: int
    reason: str
    note: str | None
    gift: GiftDocument | None
    to: str | None


class ComplaintDocument(TypedDict):
    """A complaint about a message, which it has whole, a user or a room."""

    _id: str
    author: str
    user: str | None
    room: str | None
    message: MessageDocument | DirectMessageDocument | None
    reason: str
    status: str
    text: str
    create_at: str
    created_at: str


def user_document(user: User, viewer: Id, *, show_phones: bool) -> UserDocument:
    """The document of a user, with the fields that ``viewer`` may see."""
    created_at = iso(user.created_at)
    document: UserDocument = {
        "_id": user.id,
        "nickname": user.nickname,
        "location": user.location,
        "photo": user.photo,
        "dob": user.dob.isoformat() if user.dob else None,
        "gender": user.gender,
        "room": user.room,
        "rooms": list(user.rooms),
        "visitedRooms": list(user.visited_rooms),
        "gifts": [sended_gift_document(gift) for gift in user.gifts],
        "gifts_count": user.gifts_count,
        "create_at": created_at,
        "created_at": created_at,
    }
    if show_phones or viewer == user.id:
        document["phone"] = user.phone
    if viewer == user.id:
        document["balance"] = user.balance
    return document


def room_document(room: Room, at: Moment, *, people: bool = True) -> RoomDocument:
    """The document of a room at a moment, without the silences that have ended by then. Without ``people`` it has no
    users, only their number.
    """
    created_at = iso(room.created_at)
    if not people:
        return {
            "_id": room.id,
            "name": room.name,
            "max_users": room.max_users,
            "slow_mode": room.slow_mode,
            "admin": room.admin,
            "moderators": [],
            "users": [],
            "users_count": len(room.users),
            "banned": [],
            "visiters": [],
            "silently": {},
            "is_private": room.password is not None,
            "create_at": created_at,
            "created_at": created_at,
        }
    return {
        "_id": room.id,
        "name": room.name,
        "max_users": room.max_users,
        "slow_mode": room.slow_mode,
        "admin": room.admin,
        "moderators": list(room.moderators),
        "users": list(room.users),
        "users_count": len(room.users),
        "banned": list(room.banned),
        "visiters": list(room.visitors),
        "silently": {user: milliseconds(until) for user, until in room.silenced_until.items() if until > at},
        "is_private": room.password is not None,
        "create_at": created_at,
        "created_at": created_at,
    }


def listed_room_document(room: ListedRoom, *, people: bool) -> RoomDocument:
    """The document of a room in a list of rooms. Without ``people`` it has no users, only their number."""
    created_at = iso(room.created_at)
    return {
        "_id": room.id,
        "name": room.name,
        "max_users": room.max_users,
        "slow_mode": room.slow_mode,
        "admin": room.admin,
        "moderators": list(room.moderators) if people else [],
        "users": list(room.users) if people else [],
        "users_count": room.users_count,
        "is_private": room.is_private,
        "create_at": created_at,
        "created_at": created_at,
    }


def message_document(entry: Entry) -> MessageDocument:
    """The document of a room's entry."""
    created_at = iso(entry.created_at)
    kind = entry.kind
    document: MessageDocument = {
        "_id": entry.id,
        "author": entry.author,
        "text": entry.text,
        "room": entry.stream,
        "user": entry.user,
        "ref_message": message_document(entry.ref_message) if entry.ref_message is not None else None,
        "type": None if kind is Kind.MESSAGE else kind.value,
        "create_at": created_at,
        "created_at": created_at,
        "seq": entry.seq,
    }
    if entry.finished is not None:
        document["finished"] = milliseconds(entry.finished)
    if entry.removed_at is not None:
        document["removed_at"] = iso(entry.removed_at)
    if entry.held is not None and entry.is_hidden:
        document["held"] = True
    return document


def direct_document(message: DirectMessage) -> DirectMessageDocument:
    """The document of a direct message."""
    created_at = iso(message.created_at)
    document: DirectMessageDocument = {
        "_id": message.id,
        "author": message.author,
        "user": message.user,
        "text": message.text,
        "room": None,
        "ref_message": None,
        "type": None,
        "create_at": created_at,
        "created_at": created_at,
        "read": message.read_at is not None,
        "read_at": None if message.read_at is None else iso(message.read_at),
    }
    if message.is_held:
        document["held"] = True
    if message.removed_at is not None:
        document["removed_at"] = iso(message.removed_at)
    return document


def sent_document(entry: Entry) -> DirectMessageDocument:
    """The document of the direct message in an entry, unread as it was when it was sent."""
    return direct_document(DirectMessage.of(entry))


def receipt_document(receipt: Entry) -> DirectMessageDocument:
    """The document of the message that a receipt is for, as read."""
    assert receipt.ref_message is not None
    return direct_document(DirectMessage.of(receipt.ref_message, receipt.created_at))


def gift_document(gift: Gift) -> GiftDocument:
    """The document of a gift of the catalogue."""
    created_at = iso(gift.created_at)
    return {
        "_id": gift.id,
        "name": gift.name,
        "image": gift.image,
        "price": gift.price,
        "create_at": created_at,
        "created_at": created_at,
    }


def sended_gift_document(entry: Entry) -> SendedGiftDocument:
    """The document of the gift in an entry. Its id and time are those of the entry."""
    assert entry.gift is not None
    created_at = iso(entry.created_at)
    return {
        **gift_document(entry.gift),
        "_id": entry.id,
        "create_at": created_at,
        "created_at": created_at,
        "text": entry.text or "",
        "author": entry.author,
    }


def complaint_document(complaint: Complaint) -> ComplaintDocument:
    """The document of a complaint."""
    message = complaint.message
    created_at = iso(complaint.created_at)
    return {
        "_id": complaint.id,
        "author": complaint.author,
        "user": complaint.user,
        "room": complaint.room,
        "message": None if message is None else _whole(message),
        "reason": complaint.reason.value,
        "status": "open" if complaint.closed_at is None else "closed",
        "text": complaint.text,
        "create_at": created_at,
        "created_at": created_at,
    }


def _whole(message: Entry | DirectMessage) -> MessageDocument | DirectMessageDocument:
    return message_document(message) if isinstance(message, Entry) else direct_document(message)


def transfer_document(transfer: Transfer) -> TransferDocument:
    """The document of a change of a balance."""
    return {
        "_id": transfer.id,
        "create_at": iso(transfer.created_at),
        "amount": transfer.amount,
        "reason": transfer.reason.value,
        "note": transfer.note,
        "gift": None if transfer.gift is None else gift_document(transfer.gift),
        "to": transfer.to,
    }
