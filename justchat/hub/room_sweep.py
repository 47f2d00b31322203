"""The sweep of rooms: it finds the moves of local users for which no packet has come."""

from typing import Any

from justchat.actions.presence import is_inside
from justchat.errors import ApiError
from justchat.hub.arrivals import Arrivals
from justchat.hub.local_rooms import LocalRooms
from justchat.interfaces.bus import IBus
from justchat.interfaces.packets import IPackets
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.model.ids import Id

ROUND = 30.0
"""Seconds in which every local user is looked at once, as long as the bus is there."""
STEP = 0.5
"""Seconds between two steps of a round. While the bus is away, or has just come back, a step is a whole round."""
READ_AT_ONCE = 500
"""Users that one query reads."""
REST = 10
"""After a step the sweep rests for at least this many times as long as the step took."""


class RoomSweep:
    """Looks local users' rooms up in the database, a few users at each ``step``."""

    def __init__(
        self,
        *,
        bus: IBus,
        packets: IPackets,
        local_rooms: LocalRooms,
        arrivals: Arrivals,
        users: IUsers,
        rooms: IRooms,
        reactor: Any,
    ) -> None:
        self._packets = packets
        self._bus = bus
        self._local_rooms = local_rooms
        self._arrivals = arrivals
        self._users = users
        self._rooms = rooms
        self._reactor = reactor
        self._left: list[Id] = []
        """Users whom the present round has not looked at."""
        self._a_step = 0
        self._rests_until = 0.0
        self._all = False
        bus.on_change(self._bus_changed)

    def _bus_changed(self) -> None:
        self._all = True

    async def step(self) -> None:
        """Take the next step, unless the sweep rests. To be called every STEP seconds."""
        began = self._reactor.seconds()
        if began < self._rests_until:
            return
        if self._bus.is_away() or self._all:
            self._all = False
            self._left, some = [], self._local_rooms.users()
        else:
            some = self._next_users()
        for start in range(0, len(some), READ_AT_ONCE):
            await self._look_at(some[start : start + READ_AT_ONCE])
        self._rests_until = began + REST * (self._reactor.seconds() - began)

    def _next_users(self) -> list[Id]:
        if not self._left:
            self._left = self._local_rooms.users()
            self._a_step = int(len(self._left) * STEP / ROUND) + 1
        some, self._left = self._left[-self._a_step :], self._left[: -self._a_step]
        return some

    async def _look_at(self, users: list[Id]) -> None:
        try:
            rooms_of = await self._users.possible_rooms_of(users)
            found = [(user, await self._unknown_room(user, rooms)) for user, rooms in rooms_of.items()]
            if any(room for _, room in found):
                await self._packets.look()  # word of stays before these may wait there
            for user, room in found:
                if room is not None and not self._local_rooms.has(user, room):
                    self._arrivals.begin(user, room)
        except ApiError:  # the database is away, which others log
            self._all = True

    async def _unknown_room(self, user: Id, rooms: list[Id]) -> Id | None:
        """The room that the user is in, if their connections here do not receive its events."""
        if self._local_rooms.has_positioned_connection(user):  # else being bound, which finds the room itself
            for room in rooms:
                if self._local_rooms.has(user, room):
                    break
                if await is_inside(user, room, self._rooms):
                    return room  # during a move they are in two; the first is the later one
        return None
