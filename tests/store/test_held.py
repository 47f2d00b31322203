"""Held messages in the store: snapshots, pages, and how often a decision is carried out."""

from bson import decode, encode

from justchat.actions.held_messages import HeldActions
from justchat.model.entry import Entry, Hold, Kind
from justchat.model.held import Decision
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.room import Room
from justchat.store.bson import room_from_document, room_to_document
from justchat.store.mongo.pool import CODEC
from tests.support.joined import JoinedCase
from tests.support.waiting import at_once


class Stored(JoinedCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.bob = await self.people(2)
        self.room = await self.a_room(self.anna, self.anna, self.bob)

    async def say(self, author: Id, hold: Hold | None = None) -> Entry:
        def propose(room: Room, seq: int) -> Entry:
            return Entry(
                id=new_id(),
                stream=room.id,
                seq=seq,
                kind=Kind.MESSAGE,
                author=author,
                created_at=now(),
                text="text",
                held=hold,
            )

        _, entry = await self.one.stores.rooms.append(self.room, propose)
        assert entry is not None
        return entry

    async def test_snapshot(self) -> None:
        """A snapshot has the held messages."""
        await self.say(self.anna, Hold.WAITING)
        room = await self.one.stores.rooms.get(self.room)

        self.assertEqual(1, len(room.held))
        self.assertEqual((room, 5), room_from_document(decode(encode(room_to_document(room, 5)), CODEC)))

    async def test_once(self) -> None:
        """Daemons that carry the same decision out at once let a message go once."""
        other = await self.a_daemon()
        message = await self.say(self.anna, Hold.WAITING)
        held = self.one.stores.held
        await held.decide(await held.get(message.id), Decision.RELEASE)
        actions = [
            HeldActions(rooms=d.stores.rooms, mailboxes=d.stores.mailboxes, held=d.stores.held, clock=now)
            for d in (self.one, other)
        ]

        await at_once([each.carry_out() for each in actions * 2])

        kinds = [entry.kind for entry in await other.stores.rooms.entries(self.room, message.seq, 9)]
        self.assertEqual([Kind.RELEASE], kinds)
        self.assertEqual([], await held.waiting(9))
        self.assertEqual([], await held.decided(9))

    async def test_crash(self) -> None:
        """A decision whose steps a crash cut short is completed."""
        message = await self.say(self.anna, Hold.WAITING)
        held = self.one.stores.held
        await held.decide(await held.get(message.id), Decision.DROP)
        await self.one.stores.rooms.drop(message)

        actions = HeldActions(rooms=self.one.stores.rooms, mailboxes=self.one.stores.mailboxes, held=held, clock=now)
        await actions.carry_out()

        self.assertEqual([], await held.decided(9))
        self.assertEqual([], [e for e in await self.one.stores.rooms.history(self.room, 0, 9, self.anna) if e.text])
