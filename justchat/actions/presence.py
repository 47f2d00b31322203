"""The room that a user is in.

A user's document names the last room they entered. The log of that room decides whether they are still inside: a kick
or a removed room changes the log first.
"""

from collections.abc import Callable
from contextlib import suppress

from attrs import evolve

from justchat.errors import ApiError, RoomNotFound
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.model.ids import Id
from justchat.model.room import Room
from justchat.model.user import User


async def current_room(user: Id, users: IUsers, rooms: IRooms) -> Id | None:
    """The room that a user is in, or None."""
    room = await users.entered_room(user)
    return room if room is not None and await is_inside(user, room, rooms) else None


async def is_inside(user: Id, room: Id, rooms: IRooms) -> bool:
    """Whether a user is in a room. False for a room that does not exist."""
    try:
        # What the bus has not told yet may have let them in.
        return user in (await rooms.get(room)).users or user in (await rooms.latest(room)).users
    except RoomNotFound:
        return False


async def vacate(user: Id, room: Id, users: IUsers, rooms: IRooms) -> None:
    """Let a user's document name no room, once the log of this one says that they are out of it.

    They may have entered it again in the meantime, perhaps through another daemon. A document that names a room which
    they are not in does no harm, but one that names none, while they are in a room, would keep its events from them.
    """
    with suppress(RoomNotFound):
        if user in (await rooms.get(room)).users:
            return  # they have entered it again: a socket that is bound now must find it
    if await users.vacate(user, room) and await is_inside(user, room, rooms):
        await users.occupy(user, room)


async def with_current_room(user: User, rooms: IRooms) -> User:
    """A user without their room if they are not inside it."""
    if user.room is None or await is_inside(user.id, user.room, rooms):
        return user
    return evolve(user, room=None)


async def checked_room(rooms: IRooms, room: Id, check: Callable[[Room], None]) -> Room:
    """A room that passes a check of its present state. Raises what ``check`` raises, and RoomNotFound.

    Nothing is refused because of what the bus has not told yet.
    """
    known = await rooms.get(room)
    try:
        check(known)
    except ApiError:
        known = await rooms.latest(room)
        check(known)
    return known
