"""The rules: who may do what, asked of a room as it stands. Pure; no I/O, no Twisted.

Each rule raises the error that the client is told, or returns nothing.
"""

from justchat.errors import Banned, NotAdmin, NotInRoom, Outranked, RoomFull, Silenced
from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.model.room import ListedRoom, Room


def check_not_banned(room: Room, user: Id) -> None:
    """The banned may not enter, whatever else is true."""
    if user in room.banned:
        raise Banned


def check_enter(room: Room, user: Id) -> None:
    """The banned may not enter; a full room takes nobody new."""
    check_not_banned(room, user)
    if user not in room.users and len(room.users) >= room.max_users:
        raise RoomFull


def needs_password(room: Room, user: Id) -> bool:
    """The admin needs no password, nor does one who is inside already."""
    return room.password is not None and user != room.admin and user not in room.users


def check_speak(room: Room, user: Id, at: Moment) -> None:
    """Those in the room may speak, unless they are silenced."""
    if user not in room.users:
        raise NotInRoom
    until = room.silenced_until.get(user)
    if until is not None and until > at:
        raise Silenced


def check_read(room: Room, user: Id) -> None:
    """A room's history is for those in it, and its admin."""
    if user not in room.users and user != room.admin:
        raise NotInRoom


def may_see_people(room: Room, user: Id) -> bool:
    """Who is and was in a room with a password is for those in it, and its admin."""
    return room.password is None or user in room.users or user == room.admin


def may_see_listed_people(room: ListedRoom, user: Id, inside: Id | None) -> bool:
    """The same of a room in a list, for a user who is in the room ``inside``."""
    return not room.is_private or inside == room.id or user == room.admin


def rank(room: Room, user: Id) -> int:
    """Admin over moderators over everyone else."""
    if user == room.admin:
        return 2
    return 1 if user in room.moderators else 0


def check_moderate(room: Room, user: Id, whom: Id) -> None:
    """Kick, silence, ban and unban are for whoever outranks the other."""
    if rank(room, user) <= rank(room, whom):
        raise Outranked


def check_name_moderators(room: Room, user: Id) -> None:
    """The admin alone names moderators and removes them."""
    if user != room.admin:
        raise Outranked


def check_remove(room: Room, user: Id) -> None:
    """The admin alone removes a room."""
    if user != room.admin:
        raise NotAdmin
