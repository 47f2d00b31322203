"""The documents that clients see (docs/protocol.rst, "Documents"), made from models.

TypedDicts: made at no cost, checked by mypy, and the schema that answers are tested against.
"""

from typing import NotRequired

from typing_extensions import TypedDict

from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.moment import Moment, iso, milliseconds
from justchat.model.room import Room
from justchat.model.user import User


class UserDocument(TypedDict):
    """A user. ``balance`` is shown to its owner alone, ``phone`` as the operator chose."""

    _id: str
    phone: NotRequired[str]
    nickname: str | None
    location: str | None
    photo: str | None
    dob: str | None
    gender: int | None
    room: str | None
    rooms: list[str]
    visitedRooms: list[str]
    gifts: list[object]
    balance: NotRequired[int]
    create_at: str


class RoomDocument(TypedDict):
    """A room; ``silently`` has the end of each silence in milliseconds since the epoch."""

    _id: str
    name: str
    max_users: int
    admin: str
    moderators: list[str]
    users: list[str]
    banned: list[str]
    visiters: list[str]
    silently: dict[str, int]
    is_private: bool
    create_at: str
    created_at: str


class MessageDocument(TypedDict):
    """A message, or a service message, which has a ``type``."""

    _id: str
    author: str
    text: str | None
    room: str
    user: str | None
    ref_message: "MessageDocument | None"
    type: str | None
    create_at: str
    seq: int


def user_document(user: User, viewer: Id, *, show_phones: bool) -> UserDocument:
    """The user as ``viewer`` may see them."""
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
        "gifts": [],
        "create_at": iso(user.create_at),
    }
    if show_phones or viewer == user.id:
        document["phone"] = user.phone
    if viewer == user.id:
        document["balance"] = user.balance
    return document


def room_document(room: Room, at: Moment) -> RoomDocument:
    """The room at a moment: silences that have run out by then are not shown."""
    return {
        "_id": room.id,
        "name": room.name,
        "max_users": room.max_users,
        "admin": room.admin,
        "moderators": list(room.moderators),
        "users": list(room.users),
        "banned": list(room.banned),
        "visiters": list(room.visiters),
        "silently": {user: milliseconds(until) for user, until in room.silently.items() if until > at},
        "is_private": room.password is not None,
        "create_at": iso(room.create_at),
        "created_at": iso(room.create_at),
    }


def message_document(entry: Entry) -> MessageDocument:
    """A room's entry as its readers see it."""
    return {
        "_id": entry.id,
        "author": entry.author,
        "text": entry.text,
        "room": entry.stream,
        "user": entry.user,
        "ref_message": message_document(entry.ref_message) if entry.ref_message else None,
        "type": None if entry.kind is Kind.MESSAGE else entry.kind.value,
        "create_at": iso(entry.create_at),
        "seq": entry.seq,
    }
