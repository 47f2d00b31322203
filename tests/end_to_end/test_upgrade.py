"""A database that an earlier release has written, under the daemon of today; and one of a later release."""

from typing import Any

from pymongo import MongoClient
from twisted.trial.unittest import TestCase

from justchat.store.migrations import MIGRATIONS
from tests.support.admin import run
from tests.support.chat import Person, a_person, a_room, sign_in
from tests.support.daemon import Daemon
from tests.support.database_dump import load_dump
from tests.support.mongo import drop, fresh_uri
from tests.support.next_release import copy_next_release


class UpgradeCase(TestCase):
    def setUp(self) -> None:
        self.uri = fresh_uri()
        self.addCleanup(drop, self.uri)
        self.daemon = Daemon("--mongo", self.uri)
        self.addCleanup(self.daemon.remove)

    async def check_release(self, release: str) -> None:
        """What people of an earlier release had is there, their sessions go on, and everything works."""
        known = load_dump(release, self.uri)
        await self.daemon.start()
        ann, bob = (Person(self.daemon, **person) for person in known["people"])

        chat = (await ann.call("/room/chat", room=known["room"])).data["chat"]
        self.assertEqual(
            ["Tea is ready.", "I come.", "With cake."], [each["text"] for each in chat if not each["type"]]
        )
        self.assertEqual(
            "Tea is ready.", next(each for each in chat if each["text"] == "I come.")["ref_message"]["text"]
        )
        dialog = (await bob.call("/user/dialog", user=ann.id)).data
        self.assertEqual(
            {"Are you there?", "Hello?", "I am."}, {each["text"] for each in dialog["dialog"] if each["text"]}
        )
        self.assertIn("Kitchen", [room["name"] for room in (await bob.call("/room/get")).data["rooms"]])
        again = await sign_in(self.daemon, ann.phone, ann.key)
        self.assertEqual(200, (await again.say(known["room"], "More tea?")).status)
        await bob.enter(known["room"])
        chat = (await bob.call("/room/chat", room=known["room"])).data["chat"]
        self.assertIn("More tea?", [each["text"] for each in chat])
        complaints = await self.admin("complaints", "list")
        self.assertEqual([ann.id], [each["user"] for each in complaints["complaints"]])
        await self.daemon.stop()
        self.assertNotRegex(self.daemon.log, r"(?i)traceback|incident|unhandled")
        self.assertIn(f"the database has schema {len(MIGRATIONS)}", self.daemon.log)

        await self.daemon.start()
        await self.daemon.stop()
        self.assertNotIn("schema", self.daemon.log)

    async def admin(self, *arguments: str) -> Any:
        return (await run("--data-dir", str(self.daemon.data), "--mongo", self.uri, "--json", *arguments)).json


class Earlier(UpgradeCase):
    async def test_latest(self) -> None:
        """A database of the release before."""
        await self.check_release("0.2.0")

    async def test_first(self) -> None:
        """A database of the first release."""
        await self.check_release("0.1.0")


class Rolling(UpgradeCase):
    async def test_beside(self) -> None:
        """A daemon of today goes on beside one of the next release, which migrates the database, and refuses to start
        again after that.
        """
        await self.daemon.start()
        anna, boris = await a_person(self.daemon), await a_person(self.daemon)
        room = await a_room(anna, anna, boris)
        next_release = Daemon("--mongo", self.uri)
        self.addCleanup(next_release.remove)
        next_release.is_forked = False
        next_release.environ["PYTHONPATH"] = str(copy_next_release(next_release.folder, migrates=True))
        await next_release.start()
        self.assertIn(f"the database has schema {len(MIGRATIONS) + 1}", next_release.log)

        there = Person(next_release, boris.phone, boris.key, boris.session_key, boris.id)
        said = [await anna.say(room, "today"), await there.say(room, "next"), await anna.say(room, "today again")]
        chats = [(await person.call("/room/chat", room=room)).data["chat"] for person in (anna, there)]
        await self.daemon.stop()
        ended = self.daemon.log
        self.daemon.spawn()

        self.assertEqual([200] * 3, [answer.status for answer in said])
        texts = [[each["text"] for each in chat if not each["type"]] for chat in chats]
        self.assertEqual([["today", "next", "today again"]] * 2, texts)
        self.assertNotRegex(ended, r"(?i)traceback|incident")
        self.assertEqual(1, await self.daemon.ended())
        self.assertIn("the database is of a later release", self.daemon.log)
        self.assertEqual(200, (await there.say(room, "alone")).status)
        await next_release.stop()


class Later(UpgradeCase):
    async def test_refused(self) -> None:
        """The daemon and justchat-admin refuse a database of a later release in one line, and leave it as it is."""
        later = {"_id": "schema", "version": len(MIGRATIONS) + 1, "release": "9.1.0"}
        with MongoClient[dict[str, Any]](self.uri) as client:
            database = client.get_default_database()
            database["versions"].insert_one(later)

            self.daemon.spawn()
            self.assertEqual(1, await self.daemon.ended())
            done = await run("--data-dir", str(self.daemon.data), "--mongo", self.uri, "gifts", "list")

            self.assertEqual([later], list(database["versions"].find()))
            self.assertEqual(["versions"], database.list_collection_names())
        self.assertIn("justchat: the database is of a later release, JustChat 9.1.0", self.daemon.log)
        self.assertNotIn("Traceback", self.daemon.log)
        self.assertEqual((1, 1), (done.code, done.error.count("\n")))
        self.assertIn("a later release, JustChat 9.1.0", done.error)
