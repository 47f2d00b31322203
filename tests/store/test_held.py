"""Held messages in the store: snapshots, pages, and how often a decision is carried out."""

from bson import decode, encode
from twisted.internet.defer import succeed

from justchat.actions.held_messages import HeldActions
from justchat.actions.removals import MessageRemovals
from justchat.model.direct import Mailbox
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

    async def test_removed_when_told(self) -> None:
        """Others have been told of a message that is let go: when its author removes it, they are told that, too."""
        message = await self.say(self.anna, Hold.WAITING)
        await self.carry_out_and_crash(message, Decision.RELEASE)

        await self.removals().remove(self.anna, message.id)

        self.assertEqual([Kind.RELEASE, Kind.MESSAGE_REMOVED], await self.kinds_after(message))

    async def test_removed_before_told(self) -> None:
        """Nor is a message removed without them between the decision and its event."""
        message = await self.say(self.anna, Hold.WAITING)
        self.assertTrue(await self.one.stores.held.let_go(message))

        await self.removals().remove(self.anna, message.id)
        await self.carry_out_and_crash(message, Decision.RELEASE)

        self.assertEqual([Kind.RELEASE, Kind.MESSAGE_REMOVED], await self.kinds_after(message))

    async def test_removed_first(self) -> None:
        """What its author has removed is not let go, even before the room knows that it is gone."""
        message = await self.say(self.anna, Hold.WAITING)
        self.patch(self.one.stores.rooms.log.withdrawals, "announce", lambda void: succeed(None))
        await self.removals().remove(self.anna, message.id)

        await self.carry_out_and_crash(message, Decision.RELEASE)

        self.assertEqual([], await self.kinds_after(message))

    async def test_removed_by_an_operator(self) -> None:
        """An operator's removal of a message that is just being let go removes it for all."""
        message = await self.say(self.anna, Hold.WAITING)
        await self.carry_out_and_crash(message, Decision.RELEASE)

        await self.removals().remove_for_operator(message.id)

        self.assertEqual([Kind.RELEASE, Kind.MESSAGE_REMOVED], await self.kinds_after(message))

    async def carry_out_and_crash(self, message: Entry, decision: Decision) -> None:
        """Carry out a decision on a message, as it was when the decision was read, but for the last step."""
        await self.held_actions()._carry_out(message, decision)

    def held_actions(self) -> HeldActions:
        stores = self.one.stores
        return HeldActions(rooms=stores.rooms, mailboxes=stores.mailboxes, held=stores.held, clock=now)

    def removals(self) -> MessageRemovals:
        stores = self.one.stores
        return MessageRemovals(
            rooms=stores.rooms,
            mailboxes=stores.mailboxes,
            removals=stores.removals,
            clock=now,
            count_action=lambda user, room: None,
        )

    async def kinds_after(self, message: Entry) -> list[Kind]:
        """The kinds of the room's entries behind a message."""
        return [entry.kind for entry in await self.one.stores.rooms.entries(self.room, message.seq, 9)]

    async def write(self) -> Entry:
        """A direct message of Anna to Bob, which is held."""

        def make(seq: int, order: int) -> Entry:
            return Entry(
                id=new_id(),
                stream=self.bob,
                seq=seq,
                kind=Kind.DIRECT_MESSAGE,
                author=self.anna,
                user=self.bob,
                created_at=now(),
                text="text",
                held=Hold.WAITING,
                order=order,
            )

        return await self.one.stores.mailboxes.send(self.anna, self.bob, make)

    async def seen(self) -> tuple[list[str], list[str]]:
        """The texts of Anna's messages that she and Bob see."""
        mailboxes = self.one.stores.mailboxes
        by_anna = await mailboxes.messages(self.anna, author=None, to=self.bob, offset=0, limit=9)
        by_bob = await mailboxes.messages(self.bob, author=None, to=None, offset=0, limit=9)
        return [message.text for message in by_anna], [message.text for message in by_bob]

    async def test_blocked_meanwhile(self) -> None:
        """A direct message is not shown to a receiver who is not told of it, since they block the author just then."""
        message = await self.write()
        dialogs = self.one.stores.mailboxes._dialogs
        flush = dialogs.flush

        async def flush_late() -> None:
            await flush()
            await self.one.stores.mailboxes.change_blocks(self.bob, block)

        def block(mailbox: Mailbox, seq: int) -> Entry | None:
            block = Entry(
                id=new_id(),
                stream=self.bob,
                seq=seq,
                kind=Kind.BLOCK,
                author=self.bob,
                user=self.anna,
                created_at=now(),
            )
            return None if self.anna in mailbox.blocks else block

        self.patch(dialogs, "flush", flush_late)
        await self.carry_out_and_crash(message, Decision.RELEASE)

        self.assertEqual((["text"], []), await self.seen())

    async def test_dropped_too_late(self) -> None:
        """A direct message that has been let go is not dropped any more."""
        message = await self.write()
        await self.carry_out_and_crash(message, Decision.RELEASE)

        self.assertFalse(await self.one.stores.mailboxes.drop(message))

        self.assertEqual((["text"], ["text"]), await self.seen())

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
