"""Incidents: the answer that a client gets, and what is logged."""

import json
import time
from typing import Any

from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from justchat.config.limits import Limits
from justchat.errors import Busy, RoomNotFound
from justchat.http.dispatcher import BUSY_PAUSE, Dispatcher
from justchat.http.endpoint import NONE, Reply, Requester, endpoints_of, post
from justchat.http.fields import Body, Empty, FieldContext
from justchat.http.headers import CallFields
from justchat.http.responses import Nothing, UserAnswer
from justchat.metrics.declarations import FAILURES


class Faulty:
    """Calls that go wrong."""

    @post("/broken", body=Empty, answer=Nothing, session=NONE)
    async def broken(self, requester: Requester, body: Body) -> None:
        raise ValueError("the exception's own message")

    @post("/undeclared", body=Empty, answer=Nothing, session=NONE)
    async def undeclared(self, requester: Requester, body: Body) -> None:
        raise RoomNotFound

    @post("/busy", body=Empty, answer=Nothing, session=NONE)
    async def busy(self, requester: Requester, body: Body) -> None:
        raise Busy

    @post("/declared", body=Empty, answer=Nothing, session=NONE, raises=(RoomNotFound,))
    async def declared(self, requester: Requester, body: Body) -> None:
        raise RoomNotFound

    @post("/askew", body=Empty, answer=UserAnswer, session=NONE)
    async def askew(self, requester: Requester, body: Body) -> dict[str, Any]:
        return {"data": {"user": {"_id": ["sesame"]}}}

    @post("/status", body=Empty, answer=Nothing, session=NONE)
    async def status(self, requester: Requester, body: Body) -> Reply:
        return Reply(202, {})


class Incidents(TestCase):
    def setUp(self) -> None:
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    async def respond(self, path: str, **how: bool) -> tuple[int, dict[str, Any]]:
        """The status and body that a dispatcher returns."""
        [endpoint] = [endpoint for endpoint in endpoints_of(Faulty()) if endpoint.path == path]
        dispatcher = Dispatcher(object(), FieldContext(Limits(), "RU", frozenset()), **how)
        answer = await dispatcher.respond(endpoint, b"{}", CallFields())
        return answer.status, json.loads(answer.body)

    async def test_incident(self) -> None:
        """A fault is a 500 with an incident id and nothing of the exception; the log has the same id."""
        before = FAILURES.series.get((500,), 0)

        status, body = await self.respond("/broken")

        self.assertEqual(before + 1, FAILURES.series[500,])
        self.assertEqual((500, "Internal Server Error"), (status, body["error"]))
        self.assertNotIn("own message", json.dumps(body))
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))
        self.assertEqual(1, len([event for event in self.events if body["detail"] in formatEvent(event)]))

    async def test_ids_differ(self) -> None:
        """Every incident has its own id."""
        details = {(await self.respond("/broken"))[1]["detail"] for _ in range(5)}

        self.assertEqual(5, len(details))
        self.flushLoggedErrors(ValueError)

    async def test_debug(self) -> None:
        """With debug on, the answer has the exception's message."""
        status, body = await self.respond("/broken", debug=True)

        self.assertEqual(500, status)
        self.assertIn("the exception's own message", body["detail"])
        self.flushLoggedErrors(ValueError)

    async def test_undeclared_error(self) -> None:
        """In strict mode an error that the call does not declare is an incident."""
        status, _ = await self.respond("/undeclared", strict=True)

        self.assertEqual(500, status)
        self.assertEqual(1, len(self.flushLoggedErrors()))

    async def test_declared_error(self) -> None:
        """An error that the call declares is answered as it is, in strict mode and out of it."""
        for strict in (True, False):
            status, body = await self.respond("/declared", strict=strict)

            self.assertEqual((404, "room-not-found"), (status, body["code"]))

    async def test_undeclared_error_in_production(self) -> None:
        """Out of strict mode an undeclared error is answered as it is."""
        status, _ = await self.respond("/undeclared")

        self.assertEqual(404, status)

    async def test_off_schema(self) -> None:
        """In strict mode an undeclared answer is an incident; nothing of it is returned or logged."""
        status, body = await self.respond("/askew", strict=True, debug=True)

        self.assertEqual(500, status)
        (failure,) = self.flushLoggedErrors()
        self.assertIn("/askew", failure.getTraceback())
        self.assertNotIn("sesame", failure.getTraceback() + json.dumps(body))

    async def test_undeclared_status(self) -> None:
        """In strict mode a status that the call does not declare is an incident."""
        status, _ = await self.respond("/status", strict=True)

        self.assertEqual(500, status)
        self.assertEqual(1, len(self.flushLoggedErrors(AssertionError)))

    async def test_busy(self) -> None:
        """Who is told that the daemon is busy, and repeats the call at once, does not keep it busy with refusals."""
        began = time.monotonic()

        answers = [await self.respond("/busy") for _ in range(3)]

        self.assertEqual([(503, "busy")] * 3, [(status, body["code"]) for status, body in answers])
        self.assertGreaterEqual(time.monotonic() - began, 3 * BUSY_PAUSE * 0.9)
