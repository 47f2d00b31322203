"""What an operator looks at: users, rooms, and who is connected."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from attrs import frozen

from justchat.actions.operating import OperatorActions
from justchat.actions.presence import with_current_room
from justchat.errors import UserNotFound
from justchat.interfaces.complaints import IComplaints
from justchat.interfaces.held import IHeldMessages
from justchat.interfaces.load import ILoad
from justchat.interfaces.online import IOnline
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.model.entry import OPERATOR, Entry
from justchat.model.ids import Id
from justchat.model.load import LoadPoint
from justchat.model.moment import Clock, Moment
from justchat.model.online import Online
from justchat.model.room import ListedRoom, Room, RoomSearch
from justchat.model.user import User

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SAID = timedelta(minutes=1, seconds=5)
"""After the beginning of a minute every process has said what it did in it."""
MOST_COUNTED = 1000
"""Open complaints, and held messages, are counted up to this."""
WORST_FIRST = ("away", "full", "low", "ok", "up")
"""The states of parts."""


@frozen(kw_only=True)
class OverviewState:
    """How everything is at ``at``. ``users_online`` have sockets; ``parts`` are in the worst state of any process.

    ``users`` is how many there are, about. ``complaints`` are open and ``held`` messages wait, up to MOST_COUNTED.
    ``hour`` has a point for each minute that is over, ``day`` for each ten minutes, this one included.
    """

    at: Moment
    processes: list[Online]
    users_online: int
    users: int
    rooms: int
    complaints: int
    held: int
    parts: Mapping[str, str]
    hour: list[LoadPoint]
    day: list[LoadPoint]


@frozen(kw_only=True)
class Overview:
    """Reads alone: nothing is changed, and nothing goes into the audit log."""

    users: IUsers
    rooms: IRooms
    online: IOnline
    load: ILoad
    complaints: IComplaints
    held: IHeldMessages
    operating: OperatorActions
    clock: Clock

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

    async def state(self, by: Id = OPERATOR) -> OverviewState:
        """How everything is, and was in the last hour and day. ``by`` is as for ``list_rooms``."""
        at = self.clock()
        processes = await self.everywhere()
        return OverviewState(
            at=at,
            processes=processes,
            users_online=count_users(processes),
            users=await self.users.count(),
            rooms=await self.rooms.count(RoomSearch(), by),
            complaints=await self.complaints.count_open(MOST_COUNTED),
            held=await self.held.count(MOST_COUNTED),
            parts={"database": "up", **_worst(processes)},
            hour=[point for point in await self.load.minutes(at - HOUR) if point.at <= at - SAID],
            day=await self.load.slots(at - DAY),
        )

    async def everywhere(self) -> list[Online]:
        """What each process of each daemon says of its sockets."""
        return await self.online.everywhere()


def count_users(processes: Sequence[Online]) -> int:
    """How many people have sockets. One with sockets at two processes counts once, as long as these name all."""
    if all(each.users == len(each.some) for each in processes):
        return len({user for each in processes for user in each.some})
    return sum(each.users for each in processes)


def _worst(processes: Sequence[Online]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in processes:
        for part, state in each.parts.items():
            known = found.setdefault(part, state)
            found[part] = min(known, state, key=_rank)
    return found


def _rank(state: str) -> int:
    return WORST_FIRST.index(state) if state in WORST_FIRST else -1
