"""Whom a user blocks, as the log has it."""

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from justchat.actions.blocks import Blocks
from justchat.actions.transfers import Transfers
from justchat.errors import Blocked, TooManyBlocks
from justchat.model.direct import BLOCKS_RESTATED
from justchat.model.entry import Entry, Kind
from justchat.model.gift import Gift, Reason, Transfer
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.phone import Phone
from justchat.model.user import User
from justchat.store.indexes import create_indexes
from justchat.store.ledger import Ledger
from justchat.store.mailboxes import Mailboxes
from justchat.store.mongo.client import Database
from justchat.store.rooms import Rooms
from justchat.store.users import Users
from tests.support.mongo import discard, empty_uri


class BlocksCase(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        await create_indexes(self.database)
        self.users = Users(self.database, now)
        self.mailboxes = [Mailboxes(self.database, reactor) for _ in range(2)]
        self.blocks = [Blocks(users=self.users, mailboxes=each, clock=now, most=3) for each in self.mailboxes]
        self.anna, self.boris, *self.others = [await self.a_user(n) for n in range(6)]

    async def tearDown(self) -> None:
        for mailboxes in self.mailboxes:
            await mailboxes.stop()
        await discard(self.database)

    async def a_user(self, n: int) -> Id:
        user = new_id()
        await self.users.add(User(id=user, phone=Phone(f"7922{n:07}"), password="", created_at=now(), balance=10))
        return user

    async def blocked(self) -> list[Id]:
        """Whom Anna blocks, as a daemon reads it that knows nothing yet."""
        fresh = Mailboxes(self.database, reactor)
        found = await fresh.blocks(self.anna)
        await fresh.stop()
        return found


class States(BlocksCase):
    async def test_restated(self) -> None:
        """However often a user blocks and unblocks, a new daemon reads the same, and few entries of the log."""
        await self.blocks[0].block(self.others[0], self.anna)
        await self.blocks[0].block(self.anna, self.boris)
        for n in range(BLOCKS_RESTATED + 5):
            await self.blocks[0].block(self.anna, self.others[n % 2])
            await self.blocks[1].unblock(self.anna, self.others[n % 2])
            if n % 6 == 0:
                self.assertEqual([self.boris], await self.blocked())
        await self.blocks[1].block(self.anna, self.others[2])

        self.assertEqual([self.others[2], self.boris], await self.blocked())
        mailbox = await self.mailboxes[0].mailbox(self.anna)
        self.assertEqual((True, True), (mailbox.is_blocked, mailbox.unstated <= BLOCKS_RESTATED))

    async def test_bound(self) -> None:
        """Nobody blocks more than the most; one that is there already is no error."""
        for other in self.others[:3]:
            await self.blocks[0].block(self.anna, other)

        await self.blocks[1].block(self.anna, self.others[0])
        with self.assertRaises(TooManyBlocks):
            await self.blocks[1].block(self.anna, self.boris)

        await self.blocks[0].unblock(self.anna, self.others[1])
        await self.blocks[1].block(self.anna, self.boris)


class GiftsDecided(BlocksCase):
    def a_gift(self, id: Id, seq: int) -> Entry:
        gift = Gift(id=new_id(), name="a rose", image="/x.png", price=7, created_at=now())
        return Entry(
            id=id,
            stream=self.anna,
            seq=seq,
            kind=Kind.GIFT,
            author=self.boris,
            user=self.anna,
            created_at=now(),
            gift=gift,
            text="",
        )

    async def test_decided_once(self) -> None:
        """Whether a gift is given is decided once, whoever asks after a block or after its end."""
        before, after = new_id(), new_id()
        given = [await self.mailboxes[0].give(self.boris, self.anna, before, self.a_gift)]
        await self.blocks[0].block(self.anna, self.boris)
        for mailboxes in self.mailboxes:
            given.append(await mailboxes.give(self.boris, self.anna, before, self.a_gift))
            given.append(await mailboxes.give(self.boris, self.anna, after, self.a_gift))
        await self.blocks[0].unblock(self.anna, self.boris)
        given.append(await self.mailboxes[1].give(self.boris, self.anna, after, self.a_gift))

        self.assertEqual([True, True, False, True, False, False], given)

    async def test_undone(self) -> None:
        """A transfer is undone once, however often."""
        ledger = Ledger(self.database)
        transfer = Transfer(id=new_id(), user=self.boris, amount=-7, reason=Reason.GIFT, created_at=now())
        await ledger.begin(transfer)
        await ledger.apply(transfer)

        for _ in range(2):
            await ledger.undo(transfer)

        self.assertEqual((10, []), ((await self.users.get(self.boris)).balance, await ledger.unfinished(all=True)))

    async def test_crash(self) -> None:
        """A gift that was paid before a crash, and whose receiver then blocks the giver, is undone at a start."""
        rooms, ledger = Rooms(self.database, reactor), Ledger(self.database)
        transfers = Transfers(users=self.users, rooms=rooms, ledger=ledger, mailboxes=self.mailboxes[1])
        gift = Gift(id=new_id(), name="a rose", image="/x.png", price=7, created_at=now())
        transfer = Transfer(
            id=new_id(),
            user=self.boris,
            amount=-7,
            reason=Reason.GIFT,
            created_at=now(),
            gift=gift,
            to=self.anna,
            text="",
        )
        await ledger.begin(transfer)
        await ledger.apply(transfer)
        await self.blocks[0].block(self.anna, self.boris)

        await transfers.finish_interrupted(all=True)

        self.assertEqual((10, []), ((await self.users.get(self.boris)).balance, await ledger.unfinished(all=True)))
        self.assertEqual(0, (await self.users.get(self.anna)).gifts_count)
        await rooms.stop()

    async def test_own_block(self) -> None:
        """Nobody gives to whom they block, though the receiver's own log does not say so."""
        await self.blocks[0].block(self.boris, self.anna)

        self.assertFalse(await self.mailboxes[1].give(self.boris, self.anna, new_id(), self.a_gift))
        with self.assertRaises(Blocked):
            await self.mailboxes[1].append_once(self.anna, new_id(), self.a_gift, by=self.boris)
