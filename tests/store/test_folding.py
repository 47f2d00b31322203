"""Names of a database of the release before are found after the first start of this one."""

import secrets
from unicodedata import normalize

from bson import ObjectId
from pymongo import MongoClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from justchat.model.text import FOLD_VERSION
from justchat.store.bson import trigrams
from justchat.store.folding import START_TIMEOUT, STEP, Folding, refold
from justchat.store.indexes import create_indexes
from justchat.store.mongo.client import Database
from justchat.workers.password_worker import hash_secret
from tests.support.chat import a_person, a_room
from tests.support.daemon import Daemon
from tests.support.mongo import close, drop, fresh_uri


def made_old(database: object) -> None:
    """Let a database be as the release before left it."""
    database.versions.drop()  # type: ignore[attr-defined]
    database.users.update_many({}, {"$unset": {"folded": ""}})  # type: ignore[attr-defined]
    for room in database.rooms.find():  # type: ignore[attr-defined]
        folded = room["name"].casefold()
        database.rooms.update_one(  # type: ignore[attr-defined]
            {"_id": room["_id"]}, {"$set": {"folded": folded, "trigrams": trigrams(folded)}}
        )


class Upgrade(TestCase):
    async def setUp(self) -> None:
        self.uri = fresh_uri()
        self.mongo = MongoClient(self.uri)
        self.addCleanup(self.mongo.close)
        self.database = self.mongo.get_default_database()

    async def test_old_database(self) -> None:
        """A room that was made before is found by all forms of its name, after a restart and no sooner."""
        daemon = await Daemon("--mongo", self.uri).start()
        self.addCleanup(daemon.remove)
        anna = await a_person(daemon, nickname="Чайка")
        mark = secrets.token_hex(4)
        room = await a_room(anna, name=f"{normalize('NFD', 'Чайная')} {mark}")
        await daemon.stop()
        made_old(self.database)

        await daemon.start()

        for name in ("чайная", "ЧАЙНАЯ", normalize("NFD", "чайная"), "ч"):
            answer = await anna.call("/room/get", name=name)
            self.assertEqual([room], [found["_id"] for found in answer.data["rooms"]], ascii(name))
        self.assertEqual("чаика", self.database.users.find_one()["folded"])
        await daemon.stop()

    async def test_old_password(self) -> None:
        """A room's password that was hashed in another form is still accepted."""
        daemon = await Daemon("--mongo", self.uri).start()
        self.addCleanup(daemon.remove)
        anna, boris = await a_person(daemon), await a_person(daemon)
        old = {written: await a_room(anna, password="new") for written in ("cafe\u0301", "two\u00a0words", "\u200b")}
        await daemon.stop()
        for written, room in old.items():
            self.database.rooms.update_one({"_id": ObjectId(room)}, {"$set": {"password": hash_secret(written)}})

        await daemon.start()

        for written, room in old.items():
            statuses = [(await boris.enter(room, password=tried)).status for tried in ("new", "", written)]
            self.assertEqual([401, 401, 200], statuses, ascii(written))
        await daemon.stop()


class Steps(TestCase):
    async def setUp(self) -> None:
        uri = fresh_uri()
        self.addCleanup(drop, uri)
        self.mongo = MongoClient(uri)
        self.addCleanup(self.mongo.close)
        self.raw = self.mongo.get_default_database()
        self.database = Database(uri)
        self.database.open()
        await create_indexes(self.database)

    async def tearDown(self) -> None:
        await close(self.database)

    async def test_many(self) -> None:
        """Names beyond one step are folded, each once; folded ones, and documents without a name, stay as they are."""
        people = [{"_id": ObjectId(), "phone": f"{n}", "nickname": f"Ёж {n}"} for n in range(2 * STEP + 1)]
        self.raw.users.insert_many([*people, {"phone": "x", "nickname": None}, {"phone": "y", "nickname": ""}])

        changed = [await refold(self.database) for _ in range(2)]

        self.assertEqual([2 * STEP + 1, 0], changed)
        self.assertEqual(
            {f"еж {n}" for n in range(2 * STEP + 1)} | {None}, set(self.raw.users.distinct("folded")) | {None}
        )
        self.assertEqual(FOLD_VERSION, self.raw.versions.find_one()["version"])

    async def test_slow(self) -> None:
        """A start waits for a bounded time; the rest is done afterwards, or by the next start."""
        self.raw.users.insert_many({"phone": f"{n}", "nickname": f"Ёж {n}"} for n in range(5 * STEP))
        clock = Clock()
        folding = Folding(self.database, clock)

        started = Deferred.fromCoroutine(folding.start())
        self.assertNoResult(started)
        clock.advance(START_TIMEOUT)
        self.successResultOf(started)
        folding.stop()

        self.assertIsNone(self.raw.versions.find_one())
        await Folding(self.database, reactor).start()
        self.assertEqual(5 * STEP, self.raw.users.count_documents({"folded": {"$regex": "^еж "}}))

    async def test_away(self) -> None:
        """If the database fails meanwhile, the daemon still starts."""
        await self.database.close()

        await Folding(self.database, reactor).start()

    async def test_interrupted(self) -> None:
        """What a crash left in the middle is completed by the next start."""
        self.raw.users.insert_many({"phone": f"{n}", "nickname": f"Ёж {n}"} for n in range(10))
        await refold(self.database)
        self.raw.versions.drop()
        self.raw.users.update_many({"phone": {"$gte": "5"}}, {"$unset": {"folded": ""}})

        changed = await refold(self.database)

        self.assertEqual((5, 10), (changed, self.raw.users.count_documents({"folded": {"$regex": "^еж "}})))

    async def test_another_unicode(self) -> None:
        """Under another version of the rules, or of Unicode, everything is folded again."""
        self.raw.users.insert_one({"phone": "1", "nickname": "Ёж", "folded": "ёж"})
        self.raw.versions.insert_one({"_id": "fold", "version": "0 (Unicode 1.1)"})

        self.assertEqual((1, 0), (await refold(self.database), await refold(self.database)))
