"""The health of the daemon."""

import json
from pathlib import Path

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from justchat.errors import DatabaseAway
from justchat.http.health import Health
from justchat.runtime.disk import KNOWN_FOR, DiskState
from tests.support.chat import ChatTestCase
from tests.support.client import request


class Readiness(SynchronousTestCase):
    def test_ready(self) -> None:
        """It is ready while the database answers, whatever the other parts say."""
        health = Health(lambda: succeed(None), {"bus": lambda: "away"})

        answer = self.successResultOf(Deferred.fromCoroutine(health.ready()))

        self.assertEqual(200, answer.status)
        self.assertEqual({"status": "ok", "database": "up", "bus": "away"}, json.loads(answer.body))

    def test_database_away(self) -> None:
        """Without its database it is 503, with the error and the state of each part."""
        health = Health(lambda: fail(DatabaseAway()), {"disk": lambda: "full"})

        answer = self.successResultOf(Deferred.fromCoroutine(health.ready()))

        body = json.loads(answer.body)
        self.assertEqual(503, answer.status)
        self.assertEqual(("unavailable", "away", "full"), (body["status"], body["database"], body["disk"]))
        self.assertEqual(DatabaseAway.code, body["code"])

    def test_closing(self) -> None:
        """A daemon that goes down is not ready, and is alive."""
        health = Health(lambda: succeed(None), {})
        health.is_closing = lambda: True

        self.assertEqual(503, self.successResultOf(Deferred.fromCoroutine(health.ready())).status)
        self.assertEqual(200, health.live().status)

    def test_one_ping(self) -> None:
        """However many ask at once, the database is asked once; who gives up takes nothing from the others."""
        pings: list[Deferred[None]] = []

        def ping() -> Deferred[None]:
            pings.append(Deferred())
            return pings[-1]

        health = Health(ping, {})
        asking = [Deferred.fromCoroutine(health.ready()) for _ in range(10)]
        asking[0].cancel()
        self.failureResultOf(asking[0])
        self.assertEqual(1, len(pings))

        pings[0].errback(DatabaseAway())

        self.assertEqual({503}, {self.successResultOf(each).status for each in asking[1:]})
        again = Deferred.fromCoroutine(health.ready())
        pings[1].callback(None)
        self.assertEqual(200, self.successResultOf(again).status)

    def test_disk(self) -> None:
        """The disk is looked at now and then; one that cannot be looked at is away."""
        now = 0.0
        folder = Path(self.mktemp())
        state = DiskState(folder, 1, lambda: now)
        self.assertEqual("away", state())
        folder.mkdir()
        self.assertEqual("away", state())

        now += KNOWN_FOR

        self.assertEqual("ok", state())
        self.assertEqual("low", DiskState(folder, 2**62, lambda: 0.0)())


class OfDaemon(ChatTestCase):
    async def test_parts(self) -> None:
        """/readyz tells the state of each part, as the daemon's own document describes it."""
        answer = await request(self.daemon.http, "GET", "/readyz")

        self.assertEqual({"status", "database", "workers", "disk"}, set(answer.json))
        self.assertEqual(("ok", "up"), (answer.json["status"], answer.json["database"]))
