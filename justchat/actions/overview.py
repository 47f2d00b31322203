"""What an operator looks at: users, rooms, and who is connected."""

from attrs import frozen

from justchat.actions.operating import OperatorActions
from justchat.actions.presence import with_current_room
from justchat.errors import UserNotFound
from justchat.interfaces.online import IOnline
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.model.entry import OPERATOR, Entry
from justchat.model.ids import Id
from justchat.model.online import Online
from justchat.model.room import ListedRoom, Room, RoomSearch
from justchat.model.user import User


@frozen(kw_only=True)
class Overview:
    """Reads alone: nothing is changed, and nothing goes into the audit log."""

    users: IUsers
    rooms: IRooms
    online: IOnline
    operating: OperatorActions

    async def list_users(self, skip: int, limit: int) -> list[User]:
        """Users, the latest first."""
        return await self.users_of(await self.users.latest(skip, limit))

    async def search_users(self, text: str, skip: int, limit: int) -> list[User]:
        """The user with this id, phone or app's own id. If there is none: those whose phone, if the text begins with a
        digit or a plus, or else whose nickname begins so, in their order.
        """
        try:
            found = [await self.operating.find(text)][skip:]
        except UserNotFound:
            if text.lstrip("+")[:1].isdecimal():
                found = await self.users.search_phones("".join(filter(str.isdecimal, text)), skip, limit)
            else:
                found = await self.users.search(text, skip, limit, OPERATOR)
        return await self.users_of(found)

    async def users_of(self, ids: list[Id]) -> list[User]:
        """Those of these users that exist, in this order."""
        return [await with_current_room(user, self.rooms) for user in await self.users.get_several(ids)]

    async def list_rooms(self, wanted: RoomSearch, by: Id = OPERATOR) -> list[ListedRoom]:
        """A page of rooms. ``by`` is who searches: slow searches of one wait for each other."""
        return await self.rooms.search(wanted, by)

    async def show_room(self, room: Id, messages: int) -> tuple[Room, list[Entry]]:
        """A room, and its latest messages. Raises RoomNotFound."""
        found = await self.rooms.latest(room)
        return found, await self.rooms.history(room, -messages, messages, OPERATOR) if messages else []

    async def everywhere(self) -> list[Online]:
        """What each process of each daemon says of its sockets."""
        return await self.online.everywhere()
