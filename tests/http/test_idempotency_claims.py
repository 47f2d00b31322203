"""Claims of calls under an Idempotency-Key: renewed while their call is in progress, and no longer."""

from bson import ObjectId
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import TestCase

from justchat.http import idempotency
from justchat.http.idempotency import Idempotency
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.store.idempotency_keys import IdempotencyKeys
from justchat.store.indexes import ANSWERS, create_indexes
from justchat.store.mongo.client import Database
from tests.support.mongo import discard, empty_uri
from tests.support.waiting import eventually


class Claims(TestCase):
    async def test_renewed(self) -> None:
        """A claim is renewed as long as its call is in progress."""
        self.patch(idempotency, "RENEWED_EVERY", 0.01)
        database = Database(empty_uri())
        database.open()
        self.addCleanup(discard, database)
        await create_indexes(database)
        keys, call, done = IdempotencyKeys(database, now), new_id(), Deferred[tuple[int, bytes]]()

        async def carry_out(id: Id) -> tuple[int, bytes]:
            return await done

        async def is_renewed() -> bool:
            document = await database.find_one(ANSWERS, {"_id": ObjectId(call)})
            return document is not None and bool(times.add(document["at"]) or len(times) >= 3)

        times: set[object] = set()
        answering = ensureDeferred(Idempotency(keys).answer(call, b"", carry_out, lambda error: None))
        await eventually(is_renewed, "the renewals")

        done.callback((200, b"{}"))

        self.assertEqual((200, b"{}"), await answering)  # and no timer is left
        self.assertEqual((200, b"{}"), await keys.claim(call, b"", new_id()))
