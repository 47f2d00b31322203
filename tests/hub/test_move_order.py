"""The events of a user's moves, which come in several streams, leave each socket in the room that the log says."""

import json
from typing import Any

from twisted.internet import reactor

from justchat.actions.presence import vacate
from justchat.interfaces.bus import PacketKind
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.room import Room
from justchat.protocol.events import Position
from justchat.store.indexes import PACKETS
from justchat.store.log.neighbours import Neighbours
from tests.support.connections import RecordingConnection
from tests.support.joined import JoinedCase
from tests.support.waiting import eventually, quietly

OUT = {"leave", "kick", "ban"}


def shown_room(connection: RecordingConnection, user: Id, at: Position) -> str | None:
    """The room that a client shows: that of its position, and then as its events say (docs/protocol.rst)."""
    room: str | None = at.room
    began = at.seq or 0
    for data in events(connection):
        if data.get("type") == "new roommate" and data["user"] == user:
            room, began = data["room"], data["seq"]
        elif data.get("type") in OUT and "n" in data and data["room"] == room and data["seq"] > began:
            room = None
    return room


def events(connection: RecordingConnection) -> list[dict[str, Any]]:
    return [json.loads(text)["data"] for text in connection.received]


def moved(here: Id, there: Id) -> list[tuple[str | None, str]]:
    """What ``Order.move`` tells the one who moves."""
    return [("new roommate", here), (None, here), ("new roommate", there)]


class Order(JoinedCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.admin, self.anna, self.boris = await self.people(3)
        assert self.other.stores.rooms.neighbours and self.other.stores.mailboxes.neighbours
        self.rooms, self.mailboxes = self.other.stores.rooms.neighbours, self.other.stores.mailboxes.neighbours
        self.first, self.second = [await self.a_room(self.admin) for _ in range(2)]

    async def follow_both(self) -> None:
        """Somebody is in each of the rooms, and connected to the other daemon."""
        for user, room in ((self.admin, self.first), (self.boris, self.second)):
            await self.one.actions.enter(user, room, None)
            await self.other.bind(user)

    async def look(self, *logs: Neighbours[Any]) -> None:
        """The other daemon finds in the log what the bus has lost."""
        for neighbours in logs or (self.rooms, self.mailboxes):
            await neighbours.look()
        if logs:
            return
        assert self.other.stores.packets is not None and self.other.hub.room_sweep is not None
        await self.other.stores.packets.look()
        await self.other.hub.room_sweep.step()

    async def is_noticed(self) -> bool:
        """Whether the notice of Anna's leaving is stored."""
        return await self.one.stores.mailboxes.head(self.anna) > 0

    async def settle(self, connection: RecordingConnection, *logs: Neighbours[Any]) -> None:
        """Look until the notice has been sent."""

        async def is_there() -> bool:
            await self.look(*logs)
            return any(data.get("n") for data in events(connection))

        await eventually(self.is_noticed, "the notice to be stored")
        await eventually(is_there, "the notice")

    async def has_read_rooms(self) -> bool:
        """Look at the rooms alone. Whether the other daemon has all of their logs."""
        await self.look(self.rooms)
        heads = self.other.stores.rooms._log.heads.in_memory
        return all(
            [heads[room].seq == await self.one.stores.rooms.position(room) for room in (self.first, self.second)]
        )

    async def test_moves_in_one_sweep(self) -> None:
        """Two moves that one sweep finds, which reads one room after the other, in either order."""
        await self.follow_both()
        for here, there in ((self.first, self.second), (self.second, self.first)):
            await self.one.actions.enter(self.anna, here, None)
            connection, at = await self.other.bind(self.anna)
            self.node.leave()
            await self.one.actions.enter(self.anna, there, None)
            await self.one.actions.enter(self.anna, here, None)

            await self.settle(connection)
            await eventually(self.has_read_rooms, "both rooms to be read")

            await quietly(0.01)
            self.assertEqual(here, shown_room(connection, self.anna, at))
            self.other.unbind(connection)
            self.node.come_back()

    async def test_stays_in_one_sweep(self) -> None:
        """Of two stays that one sweep finds, both are sent, one after the other, whichever room is read first."""
        await self.follow_both()
        for here, there in ((self.first, self.second), (self.second, self.first)):
            connection, _ = await self.other.bind(self.anna)
            self.node.leave()
            await self.move(here, there)

            await eventually(self.has_read_rooms, "both rooms to be read")

            await eventually(lambda connection=connection: len(self.stays(connection)) >= 3, "both stays")
            self.assertEqual(moved(here, there), self.stays(connection))
            self.other.unbind(connection)
            await self.one.actions.leave(self.anna, there)
            self.node.come_back()

    async def test_sweep_before_word(self) -> None:
        """A sweep that finds the room of a user leaves out no stay before, whose word waits in the database."""
        connection, _ = await self.other.bind(self.anna)
        self.node.leave()
        await self.move(self.first, self.second)
        await eventually(self.are_moves_stored, "word of both moves to be stored")
        assert self.other.hub.room_sweep is not None

        await self.other.hub.room_sweep.step()

        await eventually(lambda: len(self.stays(connection)) >= 3, "both stays")
        self.assertEqual(moved(self.first, self.second), self.stays(connection))

    async def move(self, here: Id, there: Id) -> None:
        """Anna enters one room through the one daemon, something is said, and she enters another."""
        await self.one.actions.enter(self.anna, here, None)
        await self.one.say(self.anna, here, "hello")
        await self.one.actions.enter(self.anna, there, None)

    async def are_moves_stored(self) -> bool:
        return len(await self.one.database.find(PACKETS, {"kind": PacketKind.MOVED.value}, limit=9)) == 2

    def stays(self, connection: RecordingConnection) -> list[tuple[str | None, str]]:
        """What a connection was told of rooms, apart from notices."""
        return [(data.get("type"), data["room"]) for data in events(connection) if "n" not in data]

    async def test_stay_before(self) -> None:
        """A room that is read long after the user was there sends nothing of that to a socket bound since."""
        await self.one.actions.enter(self.boris, self.first, None)
        await self.other.say(self.boris, self.first, "the room is in memory")
        await self.one.actions.enter(self.anna, self.first, None)
        await self.one.actions.enter(self.anna, self.second, None)
        connection, at = await self.other.bind(self.anna)
        self.assertEqual(self.second, at.room)

        await self.other.say(self.boris, self.first, "the room is read")
        await self.other.say(self.anna, self.second, "here")

        await eventually(lambda: any(data.get("text") == "here" for data in events(connection)), "the message")
        # The notice of her leaving, in her own stream, may come later than the socket is bound.
        told = [data.get("text") for data in events(connection) if "n" not in data]
        self.assertEqual(["here"], told, events(connection))

    async def test_notice_first(self) -> None:
        """A stay whose end the socket knows is not sent after it."""
        await self.follow_both()
        connection, at = await self.other.bind(self.anna)
        self.node.leave()
        await self.one.actions.enter(self.anna, self.first, None)
        await self.one.actions.leave(self.anna, self.first)

        await self.settle(connection, self.mailboxes)
        await eventually(self.has_read_rooms, "the leaving to be read")

        await quietly(0.01)
        self.assertIsNone(shown_room(connection, self.anna, at))

    async def test_stay_before_its_end(self) -> None:
        """Word of the end of a stay that comes before any other word of it is sent after the stay."""
        connection, _ = await self.other.bind(self.anna)
        self.node.leave()
        await self.stay()

        await self.settle(connection, self.mailboxes)

        self.assert_stayed(connection)

    async def test_stays_before_their_ends(self) -> None:
        """Nor are stays left out that follow each other, whose ends come together."""
        connection, _ = await self.other.bind(self.anna)
        self.node.leave()
        await self.move(self.first, self.second)
        await self.one.actions.leave(self.anna, self.second)
        await eventually(self.are_noticed, "both notices to be stored")

        await self.settle(connection, self.mailboxes)

        await eventually(lambda: len(events(connection)) >= 5, "stays and notices")
        self.assertEqual(moved(self.first, self.second), self.stays(connection))

    async def are_noticed(self) -> bool:
        return await self.one.stores.mailboxes.head(self.anna) == 2

    async def test_end_between_nodes(self) -> None:
        """Nor does it matter that the room, which is followed, has not come as far yet."""
        await self.one.actions.enter(self.admin, self.first, None)
        await self.other.bind(self.admin)
        connection, _ = await self.other.bind(self.anna)
        self.other.bus.loses = lambda stream, kind: stream == self.first or kind is PacketKind.MOVED
        await self.stay()

        await eventually(lambda: any(data.get("n") for data in events(connection)), "the notice")

        self.assert_stayed(connection)

    async def test_word_on_its_way(self) -> None:
        """A socket that is bound before word of a stay that is over does not keep it from the user's other sockets."""
        connection, _ = await self.other.bind(self.anna)
        self.other.bus.loses = lambda stream, kind: stream == self.anna
        await self.stay()
        moved = next(body for stream, kind, body in self.one.bus.published if kind is PacketKind.MOVED)
        possible_rooms = self.other.stores.users.possible_rooms

        async def read(user: Id) -> tuple[list[Id], int]:
            found = await possible_rooms(user)
            self.other.bus.loses = lambda stream, kind: False
            reactor.callLater(0, self.other.bus.receive, self.anna, PacketKind.MOVED, moved)
            return found

        self.patch(self.other.stores.users, "possible_rooms", read)
        second, at = await self.other.bind(self.anna)

        self.assertEqual((None, []), (at.room, [data for data in events(second) if "n" not in data]))
        await eventually(lambda: len(events(connection)) >= 2, "the stay")
        self.assertEqual([None, None], [data.get("n") for data in events(connection)[:2]])

    async def stay(self) -> None:
        """Anna is in a room through the one daemon while something is said."""
        await self.one.actions.enter(self.anna, self.first, None)
        await self.one.say(self.admin, self.first, "hello")
        await self.one.actions.leave(self.anna, self.first)

    def assert_stayed(self, connection: RecordingConnection) -> None:
        told = [(data.get("type"), data.get("text"), data.get("n")) for data in events(connection)]
        self.assertEqual([("new roommate", None, None), (None, "hello", None), ("leave", None, 1)], told)

    async def test_late_word(self) -> None:
        """Nor is one whose word comes late, and which the next entering has ended."""
        connection, at = await self.other.bind(self.anna)
        self.other.bus.loses = lambda stream, kind: kind is PacketKind.MOVED
        await self.one.actions.enter(self.anna, self.first, None)
        await self.one.actions.enter(self.anna, self.second, None)
        await eventually(self.looked_until(connection, self.second), "the second room")
        moved = next(body for stream, kind, body in self.one.bus.published if kind is PacketKind.MOVED)

        self.other.bus.loses = lambda stream, kind: False
        self.other.bus.receive(self.anna, PacketKind.MOVED, moved)
        await self.one.say(self.anna, self.second, "here")

        await eventually(lambda: any(data.get("text") == "here" for data in events(connection)), "the message")
        self.assertEqual(self.second, shown_room(connection, self.anna, at))

    def looked_until(self, connection: RecordingConnection, room: Id) -> Any:
        async def is_there() -> bool:
            await self.look()
            return any(data.get("room") == room and "n" not in data for data in events(connection))

        return is_there

    async def test_leaving_unheard(self) -> None:
        """A socket is not bound into a room that the log says its user has left."""
        await self.follow_both()
        await self.one.actions.enter(self.anna, self.first, None)
        await eventually(self.knows_her_inside, "her entering")
        self.other.bus.loses = lambda stream, kind: stream == self.first
        await self.one.actions._leave(self.anna, self.first)  # and its daemon dies before the user's document says so

        _, at = await self.other.bind(self.anna)

        self.assertIsNone(at.room)

    async def knows_her_inside(self) -> bool:
        return self.anna in (await self.other.stores.rooms.get(self.first)).users

    async def test_second_socket(self) -> None:
        """A socket is bound into the room of the user's other sockets, whatever the user's document says just now."""
        await self.one.actions.enter(self.anna, self.first, None)
        await self.other.bind(self.anna)
        await self.one.stores.users.vacate(self.anna, self.first)  # a kick before, whose daemon is slow

        _, at = await self.other.bind(self.anna)

        self.assertEqual(self.first, at.room)

    async def test_back_at_once(self) -> None:
        """A socket is bound into the room that its user has entered again, while a kick before is still being ended."""
        await self.one.actions.enter(self.anna, self.first, None)
        stores = self.one.stores
        found: list[str | None] = []
        occupy = stores.users.occupy

        async def bind_and_occupy(user: Id, room: Id) -> None:
            found.append((await self.one.bind(user))[1].room)
            await occupy(user, room)

        self.patch(stores.users, "occupy", bind_and_occupy)
        await vacate(self.anna, self.first, stores.users, stores.rooms)

        self.assertNotIn(None, found)
        self.assertEqual(self.first, await stores.users.entered_room(self.anna))

    async def test_word_of_the_room_before(self) -> None:
        """A socket that is bound while its user moves is not told of the room before, whose word comes late."""
        self.other.bus.loses = lambda stream, kind: kind is PacketKind.MOVED
        await self.one.actions.enter(self.anna, self.first, None)
        await self.one.stores.users.begin_move(self.anna, self.second)

        def propose(room: Room, seq: int) -> Entry:
            return self.one.actions._entry(room, seq, Kind.NEW_ROOMMATE, self.anna)

        await self.one.stores.rooms.append(self.second, propose)
        connection, at = await self.other.bind(self.anna)
        moved = next(body for stream, kind, body in self.one.bus.published if kind is PacketKind.MOVED)

        self.other.bus.loses = lambda stream, kind: False
        self.other.bus.receive(self.anna, PacketKind.MOVED, moved)
        await self.one.say(self.anna, self.second, "here")

        await eventually(lambda: any(data.get("text") == "here" for data in events(connection)), "the message")
        arrivals = self.other.hub.arrivals
        await eventually(lambda: arrivals is not None and not arrivals.pending, "nobody to arrive")
        self.assertEqual(self.second, shown_room(connection, self.anna, at))

    async def test_clocks(self) -> None:
        """A daemon whose clock is behind still sorts a user's next entering after the one before."""
        self.one.database.order_clock.observe(self.one.database.order_clock.next() + 3_600_000_000)
        await self.follow_both()
        await self.one.actions.enter(self.anna, self.first, None)
        connection, at = await self.other.bind(self.anna)
        third = await self.a_daemon()

        await third.actions.enter(self.anna, self.second, None)

        await eventually(lambda: shown_room(connection, self.anna, at) == self.second, "the second room")
