"""Users move at random through two daemons: each socket gets exactly what happened while its user was in a room."""

import random
from itertools import chain
from typing import Any

from tests.support.chat import Person, a_room
from tests.support.client import Listener, listen
from tests.support.two_daemons import Pair, TwoDaemonsCase
from tests.support.waiting import at_once, eventually

STEPS = 20
SEED = 17
Stays = list[list[int]]
"""The seqs of a room's events that a user was inside for, by stay."""


class Moves(TwoDaemonsCase):
    joined = True

    async def test_moves(self) -> None:
        """Six users, each with two sockets at both daemons, in three rooms."""
        chance = random.Random(SEED)
        self.admin, *people = await self.people(7)
        rooms = [await a_room(self.admin) for _ in range(3)]
        sockets = {person.id: await self.sockets(person) for person in people}

        await at_once(self.wander(person, person is people[0], rooms, chance) for person in people)

        for room in rooms:
            history = (await self.admin.call("/room/chat", room=room, limit=1000)).data["chat"]
            for person in people:
                stays = stays_of(person.id, history)
                for number, socket in enumerate(sockets[person.id]):
                    await self.check(stays, room, room == rooms[0], socket, number)

    async def check(self, stays: Stays, room: str, is_first: bool, socket: Listener, number: int) -> None:
        await eventually(
            lambda: self.is_complete(stays, is_first, received(socket, room)),
            lambda: f"socket {number} to get all of {stays}; it has {received(socket, room)}",
        )

    def is_complete(self, stays: Stays, is_first: bool, seqs: list[int]) -> bool:
        return seqs == list(chain(*stays))

    async def sockets(self, person: Person) -> list[Listener]:
        sockets = [await listen(daemon.websocket) for daemon in (self.daemon, self.other) * 2]
        for socket in sockets:
            self._listeners.append(socket)
            await socket.bind(person.session_key)
        return sockets

    async def wander(self, person: Person, is_first: bool, rooms: list[str], chance: random.Random) -> None:
        for number in range(STEPS):
            voice = chance.choice((person, self.there(person)))
            room = chance.choice(rooms)
            match chance.randrange(5):
                case 0:
                    await voice.call("/room/leave", room_id=room)
                case 1 | 2:
                    await voice.enter(room)
                case _:
                    await voice.say(room, f"{number}")


class MovesWithoutBus(Moves):
    """While Redis goes and comes back. A stay that has ended before it is found, within a second, may be missed as a
    whole; all end in the first room.
    """

    async def a_pair(self) -> Pair:
        self.pair = await Pair(joined=True).start()
        return self.pair

    async def tearDown(self) -> None:
        try:
            await super().tearDown()
        finally:
            self.pair.end()

    async def wander(self, person: Person, is_first: bool, rooms: list[str], chance: random.Random) -> None:
        assert self.redis is not None
        if is_first:
            self.redis.kill()
        await super().wander(person, is_first, rooms, chance)
        if is_first:
            self.redis.restart()
        await super().wander(person, is_first, rooms, chance)
        await person.enter(rooms[0])

    def is_complete(self, stays: Stays, is_first: bool, seqs: list[int]) -> bool:
        whole = [stay for stay in stays if stay[0] in seqs]
        return seqs == list(chain(*whole)) and (not is_first or stays[-1] in whole)


def stays_of(user: str, history: list[dict[str, Any]]) -> Stays:
    """The entries that were published while the user was in the room."""
    stays: Stays = []
    is_inside = False
    for entry in history:
        if entry["user"] == user and entry["type"] == "new roommate":
            is_inside = True
            stays.append([])
        elif entry["user"] == user and entry["type"] in ("leave", "kick", "ban"):
            is_inside = False
        if is_inside:
            stays[-1].append(entry["seq"])
    return stays


def received(socket: Listener, room: str) -> list[int]:
    """The seqs of a room's events that a socket got, in their order; notices to their user left out."""
    events = [event["data"] for event in socket.events[1:]]
    return [data["seq"] for data in events if data.get("room") == room and "n" not in data]
