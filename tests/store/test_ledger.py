"""The ledger with several daemons, some of which die, are suspended, or have another time."""

from bson import ObjectId
from twisted.trial.unittest import TestCase

from justchat.model.gift import Gift, Reason, Transfer
from justchat.model.ids import new_id
from justchat.model.moment import now
from justchat.model.phone import Phone
from justchat.model.user import User
from justchat.store.indexes import LEDGER, USERS, create_indexes
from justchat.store.ledger import Ledger
from justchat.store.mongo.client import Database
from justchat.store.users import Users
from tests.support.mongo import discard, empty_uri


class Interrupted(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        self.addCleanup(discard, self.database)
        await create_indexes(self.database)
        self.ledger, self.other = Ledger(self.database), Ledger(self.database)
        self.anna = User(id=new_id(), phone=Phone("79223438450"), password="hash", created_at=now())
        await Users(self.database, now).add(self.anna)
        await self.database.update(USERS, {"_id": ObjectId(self.anna.id)}, {"$set": {"balance": 10}})
        gift = Gift(id=new_id(), name="a rose", image="", price=3, created_at=now())
        self.transfer = Transfer(
            id=new_id(),
            user=self.anna.id,
            amount=-3,
            reason=Reason.GIFT,
            created_at=now(),
            gift=gift,
            to=self.anna.id,
            text="$balance",
        )

    async def age(self, milliseconds: int) -> None:
        """Let the transfer have begun so long ago."""
        begun = {"$subtract": ["$$NOW", milliseconds]}
        await self.database.update(LEDGER, {"_id": ObjectId(self.transfer.id)}, [{"$set": {"begun": begun}}])

    async def test_again(self) -> None:
        """A transfer begins once. Its text stays as it was written, whatever it means to the database."""
        self.assertEqual([True, False], [await each.begin(self.transfer) for each in (self.ledger, self.other)])

        self.assertEqual((self.transfer, False), await self.other.get(self.transfer.id))

    async def test_under_way(self) -> None:
        """Another daemon leaves a transfer alone that has just begun, though its time is that of a clock gone wrong."""
        await self.ledger.begin(self.transfer)

        self.assertEqual([], await self.other.unfinished(all=False))
        self.assertEqual([self.transfer], await self.other.unfinished(all=True))

    async def test_interrupted(self) -> None:
        """One that takes longer than a transfer ever does is found, or that began before the clock was set back."""
        await self.ledger.begin(self.transfer)
        for age in (10_001, -3_601_000):
            await self.age(age)

            self.assertEqual([self.transfer], await self.other.unfinished(all=False))

    async def test_cancelled_meanwhile(self) -> None:
        """A daemon that was suspended and applies a transfer that another has cancelled writes its record again."""
        await self.ledger.begin(self.transfer)
        await self.other.cancel(self.transfer.id)

        self.assertTrue(await self.ledger.apply(self.transfer))
        await self.ledger.finish(self.transfer)

        self.assertEqual((self.transfer, True), await self.ledger.get(self.transfer.id))
        self.assertEqual([self.transfer], await self.ledger.of(self.anna.id, 9))
