"""What another daemon has read of an entry whose caller got a 503: a change stands, a message is withdrawn."""

from collections.abc import Awaitable, Callable

from attrs import evolve
from bson import ObjectId
from twisted.internet.defer import ensureDeferred

from justchat.actions.send_once import send_once
from justchat.errors import Busy, DatabaseAway
from justchat.interfaces.rooms import Proposal
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id, room_message_id
from justchat.model.moment import now
from justchat.model.room import Room
from justchat.store.client_ids import ClientIds
from justchat.store.indexes import LOG
from justchat.store.mongo.client import Document
from justchat.store.rooms import Rooms
from tests.support.log_case import ALL, NOBODY, Insert, LogCase, Refused, entry, move, say
from tests.support.waiting import eventually


class Unanswered(LogCase):
    """One daemon stores an entry and loses the answer; its caller gets a 503. Meanwhile another daemon has read it."""

    async def setUp(self) -> None:
        await super().setUp()
        self.one, self.other = await self.a_daemon(), await self.a_daemon()
        self.room = await self.a_room(self.one)
        self.boris = new_id()
        await self.one.append(self.room, move(self.boris, Kind.NEW_ROOMMATE))
        await self.other.get(self.room)

    async def lose_answer(self, proposal: Proposal, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        """Append something whose answer is lost, while the other daemon reads it, goes on, and writes a snapshot."""
        lost = False

        async def insert(insert: Insert, documents: list[Document]) -> Refused:
            nonlocal lost
            refused = await insert()
            if not lost:
                lost = True
                await (meanwhile or self.read_and_go_on)()
                self.one._log._deadlines.fail_undecided()  # as after APPEND_TIMEOUT
                raise DatabaseAway
            return refused

        self.on_insert(self.one, insert)
        await self.assertFailure(ensureDeferred(self.one.append(self.room, proposal)), DatabaseAway)

    async def read_and_go_on(self) -> None:
        await self.other.append(self.room, say(self.anna, "after"))
        await self.other.append(self.room, move(new_id(), Kind.NEW_ROOMMATE))
        await self.other._save()

    async def texts(self, rooms: Rooms) -> list[str]:
        return [each.text for each in await rooms.history(self.room, 0, ALL, NOBODY) if each.text]

    async def check_agreement(self) -> Room:
        """Both daemons and a fresh one have the same state. Returns it."""
        await self.one.append(self.room, say(self.anna, "last"))
        fresh = await self.a_daemon()
        states = [await rooms.get(self.room) for rooms in (self.one, self.other, fresh)]
        self.assertEqual([states[0]] * 3, states)
        histories = [await rooms.history(self.room, -ALL, ALL, NOBODY) for rooms in (self.one, self.other, fresh)]
        self.assertEqual([histories[0]] * 3, histories)
        return states[0]

    async def test_ban_stands(self) -> None:
        """A ban that turns out stored stands: the other daemon may have refused the user already."""

        def ban(room: Room, seq: int) -> Entry:
            return Entry(
                id=new_id(), stream=room.id, seq=seq, kind=Kind.BAN, author=self.anna, user=self.boris, created_at=now()
            )

        await self.lose_answer(ban)

        self.assertIn(self.boris, (await self.check_agreement()).banned)

    async def test_message_is_withdrawn(self) -> None:
        """A message that turns out stored is taken back at all daemons."""
        await self.lose_answer(say(self.boris, "refused"))

        async def is_told() -> bool:
            return len((await self.other.latest(self.room)).voids) == 2

        await eventually(is_told, "the message to be withdrawn")
        self.assertEqual((3, 6), (await self.check_agreement()).voids)
        self.assertEqual(["after", "last"], await self.texts(await self.a_daemon()))
        self.assertEqual([], await self.stored_texts("refused"))

    async def test_stopped(self) -> None:
        """A daemon that stops tells the others first what it takes back."""
        await self.lose_answer(say(self.boris, "refused"))

        await self.one.stop()

        self.assertEqual((3, 6), (await self.other.latest(self.room)).voids)
        with self.assertRaises(Busy):
            await self.one.append(self.room, say(self.boris))

    async def stored_texts(self, text: str) -> list[Document]:
        return await self.database_of(self.one).find(LOG, {"stream": ObjectId(self.room), "text": text}, limit=ALL)

    async def test_repeated_message_stays(self) -> None:
        """A message for which a repeated call got its answer at another daemon is not taken back any more."""
        client_ids = ClientIds(self.database_of(self.other), now, room_message_id)

        def say_as(id: Id) -> Proposal:
            return lambda room, seq: evolve(entry(room, seq, self.anna, text="twice"), id=id)

        async def send(id: Id) -> Entry:
            _, sent = await self.other.append(self.room, say_as(id))
            assert sent is not None
            return sent

        async def repeat() -> None:
            await self.read_and_go_on()
            answered.append(await send_once(self.room, self.anna, "c", client_ids, now, send))

        answered: list[Entry] = []
        await self.lose_answer(say_as(client_ids.message_id(self.room, self.anna, "c", 0)), repeat)

        state = await self.check_agreement()
        self.assertEqual([3], [sent.seq for sent in answered])
        self.assertEqual((), state.voids)
        self.assertEqual(["twice", "after", "last"], await self.texts(self.one))

    async def test_repeated_too_late(self) -> None:
        """A message that was taken back cannot be confirmed any more."""
        await self.lose_answer(say(self.anna, "refused"))
        await eventually(self.is_announced, "the end of the message")
        (message, *_) = [each for each in await self.one.entries(self.room, 2, ALL) if each.seq == 3]

        client_ids = ClientIds(self.database_of(self.other), now, room_message_id)

        self.assertFalse(await client_ids.confirm(evolve(message, kind=Kind.MESSAGE)))

    async def is_announced(self) -> bool:
        return any(each.voids == 3 and each.seq > 3 for each in await self.one.entries(self.room, 3, ALL))


class Crash(LogCase):
    async def test_completed(self) -> None:
        """A message was made void, and the daemon died before the others learned of it: the next start tells them."""
        rooms, other = await self.a_daemon(), await self.a_daemon()
        room = await self.a_room(rooms)
        _, message = await rooms.append(room, say(self.anna, "refused"))
        await rooms.append(room, say(self.anna, "good"))
        await other.get(room)
        assert message is not None
        self.assertIsNotNone(await rooms._log.withdrawals.take_back(message))

        fresh = await self.a_daemon()
        await fresh.reconcile()

        async def is_known() -> bool:
            return (await other.latest(room)).voids == (2, 4)

        await eventually(is_known, "the end of the message")
        await fresh.reconcile()
        for daemon in (rooms, other, fresh):
            self.assertEqual((2, 4), (await daemon.latest(room)).voids)
            self.assertEqual(["good"], [each.text for each in await daemon.history(room, -1, ALL, NOBODY)])
