"""Claims of invitations: exactly one of the calls that want to send one does."""

from datetime import UTC, datetime

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from justchat.model.ids import new_id
from justchat.model.phone import Phone
from justchat.store.invites import Invites
from justchat.store.mongo.client import Database
from tests.support.mongo import discard, empty_uri

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
FRIEND = Phone("79223438450")


class Claims(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        self.addCleanup(discard, self.database)
        self.invites = Invites(self.database, lambda: NOON, reactor)
        self.anna = new_id()

    async def test_left_behind(self) -> None:
        """A claim that no call confirmed, which the database carried out late, keeps nobody from sending."""
        late, now = new_id(), new_id()
        await self.invites.claim(self.anna, FRIEND, late)

        claimed = await self.invites.claim(self.anna, FRIEND, now)

        self.assertTrue(claimed)
        self.assertTrue(await self.invites.confirm(self.anna, FRIEND, now))

    async def test_taken_over(self) -> None:
        """Of two calls at once the one whose claim is the latest sends."""
        first, second = new_id(), new_id()
        await self.invites.claim(self.anna, FRIEND, first)
        await self.invites.claim(self.anna, FRIEND, second)

        confirmed = [await self.invites.confirm(self.anna, FRIEND, by) for by in (first, second)]

        self.assertEqual([False, True], confirmed)

    async def test_confirmed(self) -> None:
        """An invitation that was sent is not sent again that day, even if another call releases its claim."""
        sent, late = new_id(), new_id()
        await self.invites.claim(self.anna, FRIEND, sent)
        await self.invites.confirm(self.anna, FRIEND, sent)

        await self.invites.release(self.anna, FRIEND, late)

        self.assertFalse(await self.invites.claim(self.anna, FRIEND, new_id()))
