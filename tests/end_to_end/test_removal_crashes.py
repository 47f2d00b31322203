"""A power cut while messages are removed: each is removed, or it is not."""

import secrets
from typing import Any

from pymongo import MongoClient
from twisted.internet.defer import DeferredList, ensureDeferred
from twisted.trial.unittest import TestCase

from tests.support.chat import a_person, a_room
from tests.support.daemon import Daemon
from tests.support.mongo import drop, empty_uri, words_in
from tests.support.waiting import eventually

MESSAGES = 60


class Removing(TestCase):
    async def test_killed(self) -> None:
        """After a kill -9 and a start, the words are nowhere of messages whose removal is in the log, and no others."""
        uri = empty_uri()
        self.addCleanup(drop, uri)
        daemon = Daemon("--mongo", uri)
        self.addCleanup(daemon.remove)
        await daemon.start()
        anna = await a_person(daemon)
        room = await a_room(anna, anna)
        words = [f"w{secrets.token_hex(8)}" for _ in range(MESSAGES)]
        said = [(await anna.say(room, word)).data["message"]["_id"] for word in words]
        for id in said:
            await anna.say(room, "what?", ref_message=id)
        with MongoClient[dict[str, Any]](uri) as mongo:
            database = mongo.get_default_database()

            removing = [ensureDeferred(anna.call("/room/remove-message", message=id)) for id in said]
            await eventually(lambda: database.log.count_documents({"kind": "message-removed"}) > 0, "a removal")
            await daemon.kill()
            await DeferredList(removing, consumeErrors=True)
            await daemon.start()

            removed = {str(each["message"]) for each in database.log.find({"kind": "message-removed"})}
            self.assertNotEqual(set(), removed)
            for id, word in zip(said, words, strict=True):
                self.assertEqual([] if id in removed else ["log"], words_in(database, word))
            chat = (await anna.call("/room/chat", room=room, limit=500)).data["chat"]
            texts = {message["_id"]: message["text"] for message in chat}
            self.assertEqual(
                {id: None if id in removed else word for id, word in zip(said, words, strict=True)},
                {id: texts[id] for id in said},
            )
        await daemon.stop()
