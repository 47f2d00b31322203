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


async def with_current_room(user: User, rooms: IRooms) -> User:
    """A user without their room if they are not inside it."""
    if user.room is None or await is_inside(user.id, user.room, rooms):
        return user
    return evolve(user, room=None)
