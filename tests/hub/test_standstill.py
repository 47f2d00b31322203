"""A daemon that stood still while users moved closes their sockets, and no others: nobody misses a stay unknowingly."""

import json
from collections.abc import Sequence

from justchat.errors import DatabaseAway
from justchat.hub import standstill
from justchat.interfaces.bus import PacketKind
from justchat.model.ids import Id
from justchat.protocol.close_codes import CloseCode
from tests.support.connections import RecordingConnection
from tests.support.joined import JoinedCase, is_busy
from tests.support.waiting import eventually


def told(connection: RecordingConnection, room: Id) -> list[int]:
    """The seqs of a room that a connection was told of, apart from notices."""
    data = [json.loads(text)["data"] for text in connection.received]
    return [each["seq"] for each in data if each["room"] == room and "n" not in each]


class StandingStill(JoinedCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.admin, self.anna, self.boris = await self.people(3)
        self.followed, self.unheard = [await self.a_room(self.admin) for _ in range(2)]
        await self.one.actions.enter(self.boris, self.followed, None)
        self.walker, _ = await self.other.bind(self.anna)
        self.stayer, _ = await self.other.bind(self.boris)
        assert self.other.hub.standstill is not None
        self.standstill = self.other.hub.standstill
        self.standstill.look()

    async def stand_still(self, seconds: float) -> None:
        """The other daemon stands still while Anna walks. Then it gets at once all that the bus has kept for it."""
        packets: list[tuple[Id, PacketKind, bytes]] = []
        published = len(self.one.bus.published)
        keeping = self.patch(self.other.bus, "receive", lambda *packet: packets.append(packet))
        for _ in range(3):
            for room in (self.unheard, self.followed):
                await self.one.actions.enter(self.anna, room, None)
                await self.one.say(self.admin, room, "hello")
        await eventually(
            lambda: not is_busy(self.one) and len(packets) == len(self.one.bus.published) - published, "all packets"
        )
        keeping.restore()
        self.seconds += seconds
        for packet in packets:
            self.other.bus.receive(*packet)

    async def has_all(self, connection: RecordingConnection, room: Id, after: int) -> bool:
        """Whether a connection has everything of a room."""
        return told(connection, room) == list(range(after + 1, await self.one.stores.rooms.position(room) + 1))

    async def test_walker(self) -> None:
        """A user who walked is told nothing more, and their socket is closed."""
        await self.stand_still(standstill.STANDSTILL + 1)

        await eventually(lambda: self.walker.closed, "the socket to be closed")
        self.assertEqual((CloseCode.TRY_AGAIN_LATER, []), (self.walker.closed, self.walker.received))

    async def test_stayer(self) -> None:
        """A user who stayed gets everything, late."""
        before = await self.one.stores.rooms.position(self.followed)
        await self.stand_still(standstill.STANDSTILL + 1)

        await eventually(lambda: self.has_all(self.stayer, self.followed, before), "all events")
        self.assertIsNone(self.stayer.closed)

    async def test_back(self) -> None:
        """One who comes back is told what comes next, of no stay before."""
        await self.stand_still(standstill.STANDSTILL + 1)
        await eventually(lambda: self.walker.closed, "the socket to be closed")
        self.other.unbind(self.walker)

        connection, at = await self.other.bind(self.anna)

        self.assertEqual(self.followed, at.room)
        await self.other.say(self.anna, self.followed, "back")
        await eventually(lambda: told(connection, self.followed), "the message")
        self.assertEqual(([], [at.seq + 1]), (told(connection, self.unheard), told(connection, self.followed)))

    async def test_shorter(self) -> None:
        """A pause that is no standstill closes nothing."""
        await self.one.actions.enter(self.anna, self.followed, None)
        await eventually(lambda: told(self.walker, self.followed), "the entering")

        self.seconds += standstill.STANDSTILL
        await self.one.say(self.admin, self.followed, "hello")

        await eventually(lambda: len(told(self.walker, self.followed)) == 2, "the message")
        self.assertEqual((None, None), (self.walker.closed, self.stayer.closed))

    async def test_told_before(self) -> None:
        """Nor does a standstill close the socket of one who was told of all moves before it."""
        await self.one.actions.enter(self.anna, self.followed, None)
        await eventually(lambda: told(self.walker, self.followed), "the entering")
        self.standstill.look()

        self.seconds += standstill.STANDSTILL + 1
        await self.one.say(self.admin, self.followed, "hello")

        await eventually(lambda: len(told(self.walker, self.followed)) == 2, "the message")
        self.assertEqual((None, None), (self.walker.closed, self.stayer.closed))

    async def test_database_away(self) -> None:
        """The database is asked again; where it stays away, nobody knows who moved, and all sockets are closed."""
        self.patch(standstill, "PAUSE", 0)
        users, attempts = self.other.stores.users, []
        entered_of = users.entered_of

        async def fail_once(some: Sequence[Id]) -> dict[Id, int]:
            attempts.append(some)
            if len(attempts) == 1:
                raise DatabaseAway
            return await entered_of(some)

        async def fail(some: Sequence[Id]) -> dict[Id, int]:
            raise DatabaseAway

        self.patch(users, "entered_of", fail_once)
        await self.stand_still(standstill.STANDSTILL + 1)
        await eventually(lambda: self.walker.closed, "the socket to be closed")
        self.assertIsNone(self.stayer.closed)

        self.patch(users, "entered_of", fail)
        self.seconds += standstill.STANDSTILL + 1
        self.standstill.look()
        await eventually(lambda: self.stayer.closed, "the other socket to be closed")

    async def test_again(self) -> None:
        """Nor is a move forgotten that is made while the daemon, which reads who moved, stands still again."""
        users = self.other.stores.users
        entered_of = users.entered_of

        async def read_before(some: Sequence[Id]) -> dict[Id, int]:
            found = await entered_of(some)
            patch.restore()
            await self.one.actions.enter(self.boris, self.unheard, None)
            self.seconds += standstill.STANDSTILL + 1
            self.standstill.look()
            return found

        patch = self.patch(users, "entered_of", read_before)
        self.seconds += standstill.STANDSTILL + 1
        self.standstill.look()

        await eventually(lambda: self.stayer.closed, "the socket to be closed")
        self.assertEqual((CloseCode.TRY_AGAIN_LATER, None), (self.stayer.closed, self.walker.closed))
