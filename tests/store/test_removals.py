"""Removals: the entry decides, and the words of the message go wherever they are, whatever a crash interrupts."""

from datetime import timedelta
from functools import partial
from typing import Any, cast

from pymongo import MongoClient

from justchat.actions.messages import Messages
from justchat.actions.removals import MessageRemovals
from justchat.actions.word_filter import WordFilter
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, derived_id, new_id
from justchat.model.moment import Moment, now
from justchat.model.room import REMOVALS_KEPT, Room
from justchat.store.removals import LATE, STEP, Removals
from justchat.store.rooms import Rooms
from tests.support.log_case import ALL, LogCase, move, say
from tests.support.mongo import words_in

WORD = "unmistakable"


def allow(room: Room) -> None:
    """Everybody may."""


_nothing = cast(Any, None)


class RemovalCase(LogCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.rooms = await self.a_daemon()
        self.room = await self.a_room(self.rooms)
        self.time = now()
        self.removals = self.removals_of(self.rooms)
        mongo = MongoClient[dict[str, Any]](self.uri)
        self.addCleanup(mongo.close)
        self.words = partial(words_in, mongo.get_default_database(), WORD)

    def removals_of(self, rooms: Rooms) -> Removals:
        return Removals(self.database_of(rooms), rooms, self.clock)

    def actions_of(self, rooms: Rooms) -> MessageRemovals:
        return MessageRemovals(
            rooms=rooms,
            mailboxes=_nothing,
            removals=self.removals_of(rooms),
            clock=self.clock,
            count_action=lambda user, room: None,
        )

    def clock(self) -> Moment:
        return self.time

    async def said(self, text: str = WORD, about: Entry | None = None) -> Entry:
        def propose(room: Room, seq: int) -> Entry:
            return Entry(
                id=new_id(),
                stream=room.id,
                seq=seq,
                kind=Kind.MESSAGE,
                author=self.anna,
                created_at=now(),
                text=text,
                ref_message=about,
            )

        _, message = await self.rooms.append(self.room, propose)
        assert message is not None
        return message

    async def decide(self, message: Entry) -> Entry:
        """Append a removal; the daemon dies before the words are gone."""
        return await self.removals.append(message, self.anna, self.clock(), allow)

    async def texts(self, rooms: Rooms) -> list[str | None]:
        texts: list[str | None] = []
        for each in await rooms.history(self.room, 1, ALL, self.anna):
            texts += [each.text, each.ref_message.text if each.ref_message else None]
        return texts


class Crash(RemovalCase):
    async def test_shown_nowhere(self) -> None:
        """Words that are still in the database are not shown any more: here, at another daemon, after a restart."""
        other = await self.a_daemon()
        await other.get(self.room)
        message = await self.said()
        await self.said("what?", message)
        await self.decide(message)

        for rooms in (self.rooms, other, await self.a_daemon()):
            self.assertNotIn(WORD, await self.texts(rooms))
            replayed = await rooms.entries(self.room, 0, ALL)
            self.assertEqual([None], [each.text for each in replayed if each.id == message.id])
        self.assertEqual(["log"], self.words())

    async def test_completed(self) -> None:
        """The words that a crash left are removed by any daemon that looks; nothing is left to look for later."""
        message = await self.said()
        await self.said("what?", message)
        await self.decide(message)
        actions = self.actions_of(await self.a_daemon())

        await actions.finish()

        self.assertEqual([], self.words())
        self.assertEqual([], await self.removals.due(self.clock(), 10))
        self.time += LATE
        await actions.finish()
        self.assertEqual([], await self.removals.due(self.clock() + timedelta(days=1), 10))

    async def test_late_copy(self) -> None:
        """A copy that a call stores after the words are gone is found by the second look."""
        message = await self.said()
        await self.actions_of(self.rooms).remove(self.anna, message.id)
        self.assertEqual([], self.words())
        await self.said("what?", message)

        self.time += LATE
        await self.actions_of(self.rooms).finish()

        self.assertEqual([], self.words())

    async def test_void(self) -> None:
        """A removal that became void, as its caller got a 503, is appended anew."""
        message = await self.said()
        id = derived_id("removed", message.id)

        def void(room: Room, seq: int) -> Entry:
            return Entry(id=id, stream=room.id, seq=seq, kind=Kind.VOID, author=self.anna, created_at=now())

        await self.rooms.append(self.room, void)

        for _ in range(2):
            await self.actions_of(self.rooms).remove(self.anna, message.id)

        removals = [each for each in await self.rooms.entries(self.room, 0, ALL) if each.kind is Kind.MESSAGE_REMOVED]
        self.assertEqual([message.id], [each.message for each in removals])


class Races(RemovalCase):
    async def test_quoted_meanwhile(self) -> None:
        """A message that is removed between the read of a quotation and its insert is quoted without words."""
        message = await self.said()
        read = self.rooms.entry

        async def read_and_remove(room: Id, id: Id) -> Entry:
            found = await read(room, id)
            await self.actions_of(await self.a_daemon()).remove(self.anna, id)
            return found

        self.patch(self.rooms, "entry", read_and_remove)
        nothing: Any = None
        messages = Messages(rooms=self.rooms, client_ids=nothing, pictures=nothing, words=WordFilter(), clock=now)

        quoting = await messages._say(new_id(), self.anna, self.room, "what?", message.id, None)

        assert quoting.ref_message is not None
        self.assertEqual((message.id, None), (quoting.ref_message.id, quoting.ref_message.text))
        self.assertEqual([], self.words())


class OfAnAuthor(RemovalCase):
    async def test_all(self) -> None:
        """What an author wrote in a room becomes removed messages, in steps; others' words stay."""
        boris = new_id()
        await self.rooms.append(self.room, move(boris, Kind.NEW_ROOMMATE))
        for _ in range(STEP + 20):
            await self.said()
        await self.rooms.append(self.room, say(boris, "mine"))
        actions, after, steps = self.actions_of(self.rooms), 0, 0
        while (next_after := await actions.remove_of(self.anna, self.room, after)) is not None:
            after, steps = next_after, steps + 1

        self.assertEqual([], self.words())
        self.assertIn("mine", await self.texts(self.rooms))
        self.assertEqual(1, steps)
        self.assertLess(STEP, REMOVALS_KEPT)
        self.assertIsNone(await actions.remove_of(self.anna, self.room, 0))  # again is no error
        kinds = [each.kind for each in await self.rooms.entries(self.room, 0, ALL)]
        self.assertEqual(STEP + 20, kinds.count(Kind.MESSAGE_REMOVED))
