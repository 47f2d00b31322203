"""Several daemons on one database and one bus: what one appends, all have at once."""

from justchat.actions.presence import checked_room, is_inside
from justchat.errors import NotInRoom
from justchat.interfaces.bus import PacketKind
from justchat.model.entry import Entry, Kind
from justchat.model.ids import new_id
from justchat.policy import check_read
from justchat.store.log import announcements
from justchat.store.mongo.client import Document
from tests.support.joined_log import Joined
from tests.support.log_case import NOBODY, Insert, Refused, move, say
from tests.support.waiting import eventually


class Live(Joined):
    async def test_published_everywhere(self) -> None:
        """An entry is published by every daemon that follows its room, as it was appended."""
        _, entry = await self.one.append(self.room, say(self.anna, "hello"))

        await eventually(lambda: self.seen[1], "the other daemon to publish it")
        self.assertEqual([entry], self.seen[1])

    async def test_own_alone(self) -> None:
        """What has to follow from an entry once is for the daemon that appended it."""
        own: tuple[list[Entry], list[Entry]] = ([], [])
        self.one.subscribe_own(lambda room, entry: own[0].append(entry))
        self.other.subscribe_own(lambda room, entry: own[1].append(entry))

        await self.one.append(self.room, say(self.anna))
        await eventually(lambda: self.seen[1], "the other daemon to publish it")

        self.assertEqual([[2], []], [[entry.seq for entry in entries] for entries in own])

    async def test_no_reads(self) -> None:
        """A daemon that follows a room reads nothing for it, to append or to say where it stands."""
        await self.one.append(self.room, say(self.anna))
        await eventually(lambda: self.seen[1], "the other daemon to publish it")
        reads = self.reads(self.other)

        await self.other.append(self.room, say(self.anna))
        self.assertEqual(3, await self.other.position(self.room))

        self.assertEqual([], reads)

    async def test_clashes(self) -> None:
        """Daemons that take turns in one room are not refused."""
        inserts: list[Refused] = []

        async def insert(insert: Insert, documents: list[Document]) -> Refused:
            inserts.append(await insert())
            return inserts[-1]

        for place, daemon in enumerate((self.one, self.other)):
            self.on_insert(daemon, insert)
            await self.follow(place, self.room)

        for n in range(20):
            await (self.one, self.other)[n % 2].append(self.room, say(self.anna))
            await eventually(lambda n=n: len(self.seen[0]) == len(self.seen[1]) + 1 == n + 2, "both to have it")  # type: ignore[misc]

        self.assertEqual([[]] * 20, inserts)

    async def test_refused_and_heard(self) -> None:
        """Where the entry that was first has come over the bus meanwhile, the log is not read for it."""
        self.buses[1].loses = lambda stream, kind: True
        _, first = await self.one.append(self.room, say(self.anna))
        reads = self.reads(self.other)

        async def insert(insert: Insert, documents: list[Document]) -> Refused:
            refused = await insert()
            if refused:
                self.buses[1].loses = lambda stream, kind: False
                self.buses[1].receive(*self.buses[0].published[-1])
            return refused

        self.on_insert(self.other, insert)

        _, second = await self.other.append(self.room, say(self.anna))

        self.assertEqual([], reads)
        self.assertEqual([first, second], self.seen[1])
        self.assertEqual([2, 3], self.seqs_published(1))

    async def test_refused_after_a_look(self) -> None:
        """What the head refuses is refused by the log: another daemon may just have let the user in."""
        boris = new_id()
        self.buses[1].loses = lambda stream, kind: True
        await self.one.append(self.room, move(boris, Kind.NEW_ROOMMATE))

        _, entry = await self.other.append(self.room, say(boris))

        assert entry is not None
        self.assertEqual(3, entry.seq)
        with self.assertRaises(NotInRoom):
            await self.other.append(self.room, say(new_id()))

    async def test_followed_after_writing(self) -> None:
        """A daemon that writes to a room follows it, from the second entry on, for a while."""
        room = await self.a_room(self.one)
        self.assertFalse(self.buses[0].is_followed(room))

        await self.one.append(room, say(self.anna))
        self.assertTrue(self.buses[0].is_followed(room))

        announced = announcements.Announcements(self.buses[0])
        for seq in (1, 2):
            announced.announce(room, seq, b"")
        announced.end_period()
        announced.announce(room, 3, b"")
        announced.end_period()
        announced.end_period()
        self.assertTrue(self.buses[0].is_followed(room))  # the log's own; one unfollow for one follow


class Hopping(Joined):
    """A user whose call one daemon has answered goes to the other, which has not heard of it yet."""

    async def setUp(self) -> None:
        await super().setUp()
        self.buses[1].loses = lambda stream, kind: kind is PacketKind.ENTRY

    async def test_history(self) -> None:
        """The history has the message, wherever it is read from."""
        await self.one.append(self.room, say(self.anna, "before"))
        await self.one.append(self.room, say(self.anna, "hello"))

        for skip, limit in ((-1, 1), (-2, 100), (1, 100), (2, 1)):
            texts = [entry.text for entry in await self.other.history(self.room, skip, limit, NOBODY)]
            self.assertEqual("hello", texts[-1], (skip, limit))

    async def test_position(self) -> None:
        """The position is not before what the client has."""
        await self.one.append(self.room, say(self.anna))

        self.assertEqual(2, await self.other.position(self.room, 2))

    async def test_inside(self) -> None:
        """A user who has entered is inside, and may read."""
        boris = new_id()
        await self.one.append(self.room, move(boris, Kind.NEW_ROOMMATE))

        self.assertTrue(await is_inside(boris, self.room, self.other))
        room = await checked_room(self.other, self.room, lambda room: check_read(room, boris))
        self.assertIn(boris, room.users)
        with self.assertRaises(NotInRoom):
            await checked_room(self.other, self.room, lambda room: check_read(room, new_id()))

    async def test_no_more_reads(self) -> None:
        """For that, a history costs one read of the log, as ever."""
        reads = self.reads(self.other)

        await self.other.history(self.room, -10, 10, NOBODY)

        self.assertEqual(1, len(reads))
