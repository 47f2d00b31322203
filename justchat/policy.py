"""The rules: who may do what. Pure functions of the present state of a room or mailbox; no I/O, no Twisted.

``check_*`` raises the error that the client gets. ``may_*`` and ``needs_password`` return a bool.
"""

from collections.abc import Collection
from math import ceil

from justchat.errors import (
    Banned,
    BeyondNetworks,
    Blocked,
    NotAdmin,
    NotInRoom,
    Outranked,
    Rejected,
    RoomFull,
    ScopeMissing,
    Silenced,
    SlowMode,
)
from justchat.model.direct import Mailbox
from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.model.room import ListedRoom, Room
from justchat.model.room_settings import RoomEdit
from justchat.model.server_key import Scope, ServerKey


def check_not_blocked(mailbox: Mailbox, user: Id) -> None:
    """Nothing passes between a user and whom they block, in either direction. Raises Blocked."""
    if user in mailbox.blocks:
        raise Blocked


def check_not_banned(room: Room, user: Id) -> None:
    """A banned user may not enter. Raises Banned."""
    if user in room.banned:
        raise Banned


def check_enter(room: Room, user: Id) -> None:
    """A banned user may not enter, and nobody may enter a full room. Raises Banned, RoomFull."""
    check_not_banned(room, user)
    if user not in room.users and len(room.users) >= room.max_users:
        raise RoomFull


def needs_password(room: Room, user: Id) -> bool:
    """Whether a user needs the room's password to enter. The admin, and a user who is inside, do not."""
    return room.password is not None and user != room.admin and user not in room.users


def check_speak(room: Room, user: Id, at: Moment) -> None:
    """A user in the room may speak, unless silenced, or too soon after their last message in slow mode. The admin and
    moderators need not wait. Raises NotInRoom, Silenced, SlowMode.
    """
    if user not in room.users:
        raise NotInRoom
    until = room.silenced_until.get(user)
    if until is not None and until > at:
        raise Silenced
    last = room.spoke_at.get(user) if room.slow_mode else None
    if last is not None and rank(room, user) == 0:
        wait = room.slow_mode - (at - last).total_seconds()
        if wait > 0:
            # By another daemon's clock the last message may be of the future.
            raise SlowMode(min(ceil(wait), room.slow_mode))


def check_speak_by_server(room: Room, user: Id, at: Moment) -> None:
    """An app's own server lets any user speak in any room: one who is not inside, who is silenced, and at once."""


MOST_HELD = 200
"""Held messages of a room. Each is in the room's snapshot."""


def check_hold(room: Room) -> None:
    """A room with many held messages takes no more of them. Raises Rejected."""
    if len(room.held) >= MOST_HELD:
        raise Rejected


def check_read(room: Room, user: Id) -> None:
    """The users in a room, and its admin, may read its history. Raises NotInRoom."""
    if user not in room.users and user != room.admin:
        raise NotInRoom


def check_complain(room: Room, user: Id, about: Id | None) -> None:
    """Who may read a room's history may complain about its messages; and whom a service message is about, who was told
    of it outside, as after a kick. Raises NotInRoom.
    """
    if user != about or user not in room.visitors:
        check_read(room, user)


def may_see_people(room: Room, user: Id) -> bool:
    """Whether a user may see who is and was in a room. With a password, only the users in it and its admin may."""
    return room.password is None or user in room.users or user == room.admin


def may_see_listed_people(room: ListedRoom, user: Id, inside: Id | None) -> bool:
    """``may_see_people`` for a room of a list. ``inside`` is the room that the user is in."""
    return not room.is_private or inside == room.id or user == room.admin


def rank(room: Room, user: Id) -> int:
    """A user's rank in a room: 2 for the admin, 1 for a moderator, 0 for others."""
    if user == room.admin:
        return 2
    return 1 if user in room.moderators else 0


def check_moderate(room: Room, user: Id, whom: Id) -> None:
    """To kick, silence, ban or unban, a user must outrank the other. Raises Outranked."""
    if rank(room, user) <= rank(room, whom):
        raise Outranked


def check_remove_message(room: Room, user: Id, author: Id) -> None:
    """Its author may remove a message, and whoever outranks the author. Raises Outranked."""
    if user != author:
        check_moderate(room, user, author)


def check_name_moderators(room: Room, user: Id) -> None:
    """Only the admin may name and remove moderators. Raises Outranked."""
    if user != room.admin:
        raise Outranked


def check_edit(room: Room, user: Id, edit: RoomEdit) -> None:
    """The admin may change a room's settings; moderators may set ``slow_mode``. Raises Outranked."""
    if rank(room, user) < (1 if edit.is_slow_mode_alone else 2):
        raise Outranked


def check_remove(room: Room, user: Id) -> None:
    """Only the admin may remove a room. Raises NotAdmin."""
    if user != room.admin:
        raise NotAdmin


def check_hand_out(key: ServerKey, scopes: Collection[Scope], networks: Collection[str]) -> None:
    """Who has a key makes no key that does more, or does it from elsewhere. Raises ScopeMissing, BeyondNetworks."""
    missing = sorted(set(scopes) - key.scopes)
    if missing:
        raise ScopeMissing(f"the key {key.name} has no scope {missing[0]}, and hands out none")
    beyond = [network for network in networks if not key.covers(network)]
    if beyond:
        raise BeyondNetworks(f"the key {key.name} may not be used from {beyond[0]}")
