"""An app's own server that takes webhooks, and verifies them with the reference library."""

import json
from base64 import b64encode
from typing import Any

from attrs import frozen
from pymongo import MongoClient
from standardwebhooks import Webhook
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from twisted.web.http import Request

from tests.support.chat import Person
from tests.support.daemon import Daemon
from tests.support.gateway import Answer, FakeGateway, with_status
from tests.support.kept import note_module
from tests.support.mongo import drop, empty_uri
from tests.support.waiting import eventually

SECRET = "whsec_" + b64encode(bytes(range(24))).decode()
EVENTS = (
    *("message.new", "message.edited", "message.removed", "direct.new", "user.new", "user.deleted"),
    *("room.new", "room.removed", "complaint.new", "gift.sent", "balance.changed"),
)


@frozen
class Hook:
    """A webhook that arrived."""

    id: str
    type: str
    data: dict[str, Any]


class Receiver:
    """Takes webhooks. ``answer`` answers each; those with a status of 2xx are ``taken``, and all are ``tried``."""

    def __init__(self) -> None:
        self.server = FakeGateway()
        self.server.answer = self._take
        self.answer: Answer = with_status(204)
        self.tried: list[Hook] = []
        self.taken: list[Hook] = []

    @property
    def url(self) -> str:
        return f"{self.server.address}/hooks?token=hidden"

    def settings(self, *events: str, path: str = "") -> str:
        """The lines of the settings that name this receiver."""
        return (
            f'[[webhooks]]\nurl = "{self.url}{path}"\nsecret = "{SECRET}"\n'
            f"events = {json.dumps(events or EVENTS)}\nallow_private = true\n"
        )

    def _take(self, request: Request) -> bytes | int:
        sent = self.server.sent[-1]
        headers = {name.decode().lower(): values[0].decode() for name, values in sent.headers.getAllRawHeaders()}
        body = Webhook(SECRET).verify(sent.body, headers)
        hook = Hook(headers["webhook-id"], body["type"], body["data"])
        self.tried.append(hook)
        answer = self.answer(request)
        if 200 <= request.code < 300 and isinstance(answer, bytes):
            self.taken.append(hook)
        return answer

    def of(self, type: str, **data: Any) -> list[Hook]:
        """Those taken of a type whose data have these values; each once, in the order in which they first came."""
        wanted = [
            hook
            for hook in self.taken
            if hook.type == type and all(hook.data.get(name) == value for name, value in data.items())
        ]
        return list({hook.id: hook for hook in wanted}.values())

    async def next_of(self, type: str, **data: Any) -> Hook:
        """The first of these, once it has come."""
        await eventually(lambda: self.of(type, **data), lambda: f"a {type} of {data} among {self.taken[-5:]}")
        return self.of(type, **data)[0]

    async def texts(self, room: str, number: int) -> list[str]:
        """The texts of so many messages of a room, once they have come."""

        def found() -> list[str]:
            return [hook.data["text"] for hook in self.of("message.new", room=room)]

        await eventually(lambda: len(found()) >= number, lambda: f"{number} messages; there are {len(found())}", 60)
        return found()

    async def stop(self) -> None:
        await self.server.stop()


class WebhooksCase(TestCase):
    """A daemon with a database that tests see, and a receiver."""

    settings = ""

    def setUp(self) -> None:
        note_module(self)
        self.uri = empty_uri()
        self.addCleanup(drop, self.uri)
        self.receiver = self.a_receiver()
        self.mongo: MongoClient[dict[str, Any]] = MongoClient(self.uri)
        self.addCleanup(self.mongo.close)
        self.database = self.mongo.get_default_database()

    def a_receiver(self) -> Receiver:
        receiver = Receiver()
        self.addCleanup(lambda: Deferred.fromCoroutine(receiver.stop()))
        return receiver

    async def a_daemon(self, settings: str | None = None) -> Daemon:
        daemon = Daemon("--mongo", self.uri, settings=self.receiver.settings() if settings is None else settings)
        self.addCleanup(daemon.remove)
        return await daemon.start()

    async def say(self, person: Person, room: str, *texts: str) -> list[str]:
        answers = [await person.say(room, text) for text in texts]
        self.assertEqual([200] * len(texts), [answer.status for answer in answers])
        return [answer.data["message"]["_id"] for answer in answers]

    async def nothing_waits(self) -> None:
        """Returns once everything has arrived, and the database knows it."""
        await eventually(lambda: not self.database.deliveries.find_one({"live": True}), "all deliveries")
