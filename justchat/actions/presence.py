"""The room that a user is in.

A user's document names the last room they entered. The log of that room decides whether they are still inside: a kick
or a removed room changes the log first.
"""

from attrs import evolve

from justchat.errors import RoomNotFound
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.model.ids import Id
from justchat.model.user import User


async def current_room(user: Id, users: IUsers, rooms: IRooms) -> Id | None:
    """The room that a user is in, or None."""
    room = await users.entered_room(user)
    return room if room is not None and await is_inside(user, room, rooms) else None


async def is_inside(user: Id, room: Id, rooms: IRooms) -> bool:
    """Whether a user is in a room. False for a room that does not exist."""
    try:
        return user in (await rooms.get(room)).users
    except RoomNotFound:
        return False


async def vacate(user: Id, room: Id, users: IUsers, rooms: IRooms) -> None:
    """Let a user's document name no room, once the log of this one says that they are out of it.

    They may have entered it again in the meantime, perhaps through another daemon. A document that names a room which
    they are not in does no harm, but one that names none, while they are in a room, would keep its events from them.
    """
    if await users.vacate(user, room) and await is_inside(user, room, rooms):
        await users.occupy(user, room)


async def with_current_room(user: User, rooms: IRooms) -> User:
    """A user without their room if they are not inside it."""
    if user.room is None or await is_inside(user.id, user.room, rooms):
        return user
    return evolve(user, room=None)
