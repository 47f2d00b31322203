"""Which room somebody is in."""

from justchat.errors import RoomNotFound
from justchat.interfaces.stores import IRooms, IUsers
from justchat.model.ids import Id


async def room_of(user: Id, users: IUsers, rooms: IRooms) -> Id | None:
    """The room that a user is in. Their document says where to look; the room's log decides."""
    return await inside(user, await users.place(user), rooms)


async def inside(user: Id, place: Id | None, rooms: IRooms) -> Id | None:
    """The place, where the user is inside it."""
    if place is None:
        return None
    try:
        return place if user in (await rooms.get(place)).users else None
    except RoomNotFound:
        return None
