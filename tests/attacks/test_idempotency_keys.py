"""Answers that are stored for Idempotency-Keys: none that can be made again, and a bounded number for each user."""

from twisted.internet.defer import ensureDeferred

from justchat.store.mongo.client import Database
from justchat.store.mongo.sharding import Scatter
from tests.support.chat import a_room, keyed
from tests.support.mongo import discard, fresh_uri
from tests.support.wire import OwnDaemonCase

CALLS = 40


class StoredAnswers(OwnDaemonCase):
    async def test_entering(self) -> None:
        """Of entering under ever new keys only the fact is stored."""
        uri = fresh_uri()
        database = Database(uri)
        database.open()
        self.addCleanup(lambda: ensureDeferred(discard(database)))
        self.daemon.options = ("--mongo", uri)
        await self.daemon.start()
        anna = await self.a_person()
        room = await a_room(anna)

        for number in range(CALLS):
            self.assertEqual(200, (await keyed(anna, f"k{number}", "/room/enter", room={"id": room})).status)

        kept = await database.find("answers", {}, limit=CALLS + 1, scatter=Scatter.RELEASE)
        self.assertEqual(CALLS, len(kept))
        self.assertEqual([], [each for each in kept if each.get("answer") is not None])

    async def test_share(self) -> None:
        """A user who has used up the day's share is 429 with a key; others are not, nor are calls without a key."""
        await self.start('[limits]\nexempt = []\nkept_answers = "20000/day"\n')
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna)
        await anna.enter(room)
        await boris.enter(room)
        message = {"room_id": room, "text": "x" * 4000}
        statuses = [
            (await keyed(anna, f"k{number}", "/room/sendMessage", message=message)).status for number in range(8)
        ]

        refused = await keyed(anna, "k8", "/room/sendMessage", message=message)
        other = await keyed(boris, "k8", "/room/sendMessage", message=message)

        self.assertEqual((200, 429), (statuses[0], statuses[-1]))
        self.assertEqual((429, "too-many-requests", 200), (refused.status, refused.code, other.status))
        self.assertIn("kept-answers", refused.json["detail"])
        self.assertEqual(200, (await anna.call("/room/sendMessage", message=message)).status)
