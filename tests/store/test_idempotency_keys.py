"""Idempotency keys: claimed by one call, kept for a day, freed by a daemon that died."""

from datetime import timedelta

from twisted.trial.unittest import TestCase

from justchat.errors import InProgress, KeyReused
from justchat.interfaces.idempotency import Claim
from justchat.model.ids import new_id
from justchat.model.moment import Moment, now
from justchat.store.idempotency_keys import KEPT, LEASE, IdempotencyKeys
from justchat.store.indexes import create_indexes
from justchat.store.mongo.client import Database
from tests.support.mongo import discard, empty_uri


class IdempotencyKeysTests(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        await create_indexes(self.database)
        self.time = now()
        self.answers = IdempotencyKeys(self.database, self.clock)
        self.call = new_id()

    async def tearDown(self) -> None:
        await discard(self.database)

    def clock(self) -> Moment:
        return self.time

    async def claim(self, request: bytes = b"a") -> Claim:
        claim = await self.answers.claim(self.call, request, new_id())
        assert isinstance(claim, Claim), claim
        return claim

    def later(self, by: timedelta) -> None:
        self.time += by

    async def test_kept(self) -> None:
        """A stored answer is returned, and for no other request."""
        await self.answers.keep(self.call, (await self.claim()).id, 201, b"{}")

        self.assertEqual((201, b"{}"), await self.answers.claim(self.call, b"a", new_id()))
        with self.assertRaises(KeyReused):
            await self.answers.claim(self.call, b"b", new_id())

    async def test_under_way(self) -> None:
        """A claim keeps others out until it is released; the next one uses the same idempotency id."""
        claim = await self.claim()

        with self.assertRaises(InProgress):
            await self.claim()
        await self.answers.release(self.call, claim.id)

        with self.assertRaises(KeyReused):
            await self.claim(b"b")
        self.assertEqual(claim.idempotency_id, (await self.claim()).idempotency_id)

    async def test_start(self) -> None:
        """A daemon that is the only one frees what a crash left under way, and nothing else."""
        dead = await self.claim()
        done = new_id()
        kept = await self.answers.claim(done, b"a", new_id())
        assert isinstance(kept, Claim)
        await self.answers.keep(done, kept.id, 200, b"{}")

        await self.answers.release_all()

        self.assertEqual(dead.idempotency_id, (await self.claim()).idempotency_id)
        self.assertEqual((200, b"{}"), await self.answers.claim(done, b"a", new_id()))

    async def test_dead(self) -> None:
        """An expired claim is taken over, and its first owner can no longer write."""
        dead = await self.claim()
        self.later(LEASE)

        heir = await self.claim()

        self.assertEqual(dead.idempotency_id, heir.idempotency_id)
        await self.answers.keep(self.call, dead.id, 500, b"")
        await self.answers.release(self.call, dead.id)
        await self.answers.keep(self.call, heir.id, 200, b"{}")
        self.assertEqual((200, b"{}"), await self.answers.claim(self.call, b"a", new_id()))

    async def test_renewed(self) -> None:
        """A claim that its owner renews does not expire; and nobody else can renew it."""
        claim = await self.claim()
        for _ in range(3):
            self.later(LEASE / 2)
            await self.answers.renew(self.call, claim.id)

        with self.assertRaises(InProgress):
            await self.claim()

        self.later(LEASE)
        heir = await self.claim()
        self.later(LEASE)
        await self.answers.renew(self.call, claim.id)
        self.assertEqual(heir.idempotency_id, (await self.claim()).idempotency_id)

    async def test_a_day(self) -> None:
        """After a day the key is free, whether MongoDB has removed the answer or not."""
        await self.answers.keep(self.call, (await self.claim()).id, 201, b"{}")
        self.later(KEPT)

        renewed = await self.claim(b"b")

        with self.assertRaises(InProgress):
            await self.claim(b"b")
        await self.answers.keep(self.call, renewed.id, 200, b"{}")
        self.assertEqual((200, b"{}"), await self.answers.claim(self.call, b"b", new_id()))
