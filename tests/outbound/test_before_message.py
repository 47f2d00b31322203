"""The hook that is asked before a text is stored (contract, section 8)."""

import json
import time
from collections.abc import Callable
from typing import Any

from standardwebhooks import Webhook
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase
from twisted.web.http import Request
from twisted.web.server import NOT_DONE_YET

from justchat.config.hooks import BeforeMessageSettings
from justchat.metrics.declarations import BEFORE_MESSAGE
from justchat.model.draft import Draft
from justchat.model.ids import new_id
from justchat.model.moment import now
from justchat.outbound.before_message import FAILURES, BeforeMessage
from tests.support.chat import Person, a_room
from tests.support.client import Answer
from tests.support.daemon import METRICS
from tests.support.gateway import FakeGateway, never, with_status
from tests.support.scraping import scrape
from tests.support.waiting import assert_within, eventually, slowness
from tests.support.wire import OwnDaemonCase

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"


def answering(**answer: Any) -> Callable[[Request], bytes | int]:
    return with_status(200, json.dumps(answer).encode())


def by_word(request: Request) -> bytes | int:
    """Rejects "bad", rewrites "old", hangs at "slow", and allows the rest."""
    request.content.seek(0)
    text = json.loads(request.content.read())["data"]["text"]
    if text == "slow":
        return NOT_DONE_YET
    if text == "bad":
        return json.dumps({"action": "reject", "detail": "no such words"}).encode()
    return json.dumps({"action": "rewrite", "text": "new"} if text == "old" else {"action": "allow"}).encode()


def text_of(sent: Answer) -> str:
    """The text in the answer to a message for a room or a user."""
    message = sent.data["message"]
    if isinstance(message, list):
        (message,) = message
    text: str = message["text"]
    return text


class HookCase(OwnDaemonCase):
    fast = True

    async def begin(self, **more: Any) -> None:
        self.hook = FakeGateway()
        self.hook.answer = by_word
        self.addCleanup(lambda: Deferred.fromCoroutine(self.hook.stop()))
        table = {"url": f"{self.hook.address}/hook", "secret": SECRET, "timeout_ms": 10_000, **more}
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())
        fast = json.dumps(self.fast)
        await self.start(
            f"[http]\nfast_lane = {fast}\n[limits]\nenabled = false\n[hooks.before_message]\n{lines}{METRICS}"
        )
        self.anna, self.boris = [await self.a_person() for _ in range(2)]
        self.room = await a_room(self.anna, self.anna, self.boris)

    async def write(self, text: str) -> Answer:
        return await self.anna.call("/user/sendMessage", message={"user": self.boris.id, "text": text})

    async def texts(self, reader: Person | None = None) -> list[str]:
        answer = await (reader or self.anna).call("/room/chat", room=self.room, skip=0, limit=100)
        return [message["text"] for message in answer.data["chat"] if message["type"] is None]


class Asking(HookCase):
    async def test_actions(self) -> None:
        """allow, reject and rewrite, for rooms and for dialogs; events have what is stored."""
        await self.begin()
        listener = await self.a_listener(self.boris)

        for send in (lambda text: self.anna.say(self.room, text), self.write):
            answers = [await send(text) for text in ("good", "bad", "old")]

            self.assertEqual([200, 403, 200], [answer.status for answer in answers], answers)
            self.assertEqual(("rejected", "no such words"), (answers[1].code, answers[1].json["detail"]))
            self.assertEqual(["good", "new"], [text_of(answers[n]) for n in (0, 2)])
            events = [await listener.next() for _ in range(2)]
            self.assertEqual(["good", "new"], [event["data"]["text"] for event in events])
        self.assertEqual([], await listener.silence())

    async def test_question(self) -> None:
        """The request is signed, and says who wants to say what, where."""
        await self.begin()
        await self.anna.say(self.room, "good", client_id="c-1")
        await self.write("good")

        in_room, direct = self.hook.sent
        for sent in (in_room, direct):
            headers = {name.decode().lower(): values[0].decode() for name, values in sent.headers.getAllRawHeaders()}
            asked = Webhook(SECRET).verify(sent.body, headers)
            self.assertEqual({"type", "timestamp", "data"}, set(asked))
            self.assertEqual((self.anna.id, "good"), (asked["data"]["author"], asked["data"]["text"]))
        data = json.loads(in_room.body)["data"]
        self.assertEqual((self.room, None, "c-1"), (data["room"], data["user"], data["client_id"]))
        data = json.loads(direct.body)["data"]
        self.assertEqual((None, self.boris.id), (data["room"], data["user"]))

    async def test_not_asked(self) -> None:
        """Nobody is asked about what may not be said, what is stored, and what is no text."""
        await self.begin()
        eve = await self.a_person()
        await self.anna.say(self.room, "good", client_id="c")
        asked = len(self.hook.sent)

        again = await self.anna.say(self.room, "good", client_id="c")
        outside = await eve.say(self.room, "good")
        await self.boris.call("/user/block", user=self.anna.id)
        blocked = await self.write("good")
        await self.boris.call("/room/leave", room_id=self.room)

        self.assertEqual([200, 403, 403], [answer.status for answer in (again, outside, blocked)])
        self.assertEqual(asked, len(self.hook.sent))

    async def test_hanging(self) -> None:
        """A text for which the server hangs delays no other room's."""
        await self.begin(timeout_ms=3_000)
        other = await a_room(self.boris, self.boris)
        slow = [Deferred.fromCoroutine(self.anna.say(self.room, "slow")) for _ in range(4)]

        answer = await self.boris.say(other, "good")

        self.assertEqual(200, answer.status)
        self.assertFalse([each for each in slow if each.called])
        self.assertEqual({200}, {answer.status for answer in await gatherResults(slow)})


class AskingByKlein(Asking):
    fast = False


class Failing(HookCase):
    async def test_allow(self) -> None:
        """Whatever the server does instead of answering, the text is stored, within the timeout."""
        await self.begin(timeout_ms=int(300 * slowness()))  # of the answers that do come, none is to be late
        for answer in self.failures():
            self.hook.answer = answer
            began = time.monotonic()
            self.assertEqual(200, (await self.anna.say(self.room, "good")).status)
            assert_within(10, time.monotonic() - began)
            self.hook.answer = by_word
            self.assertEqual(403, (await self.anna.say(self.room, "bad")).status, "the breaker is closed")
        failures = len(self.failures())
        await eventually(lambda: self.daemon.log.count("the hook before_message failed") == failures, "a line for each")

    async def test_reject(self) -> None:
        """With on_failure = "reject" it is refused, and nothing is stored. A server that is away fails, too."""
        await self.begin(timeout_ms=300, on_failure="reject")
        self.hook.answer = with_status(500)
        self.assertEqual((403, "rejected"), ((answer := await self.anna.say(self.room, "good")).status, answer.code))
        await self.hook.refuse()
        self.assertEqual(403, (await self.write("good")).status)

        self.assertEqual([], await self.texts())

    def failures(self) -> list[Any]:
        redirect = with_status(302)
        garbage = [
            b"",
            b"yes",
            b"[]",
            b'{"action": "maybe"}',
            b'{"action": "rewrite"}',
            b'{"action": "rewrite", "text": ""}',
        ]
        long = json.dumps({"action": "rewrite", "text": "x" * 100_000}).encode()
        bodies = [with_status(200, body) for body in (*garbage, long, b"x" * 1_000_000)]
        return [never, drip, redirect, with_status(500), with_status(204), *bodies]

    async def test_breaker(self) -> None:
        """After failures in a row nobody is asked for a while, and one line of the log says so."""
        await self.begin()
        self.hook.answer = with_status(500)
        for _ in range(FAILURES + 3):
            self.assertEqual(200, (await self.anna.say(self.room, "bad")).status)

        self.assertEqual(FAILURES, len(self.hook.sent))
        self.assertEqual(1, self.daemon.log.count("times in a row"))
        counted = await scrape(self.daemon)
        self.assertEqual(1, counted.of("justchat_before_message_open"))
        self.assertEqual(3, counted.of("justchat_before_message_total", outcome="unasked"))

    async def test_counted(self) -> None:
        """Each text counts by what the server said, or as failed."""
        await self.begin()
        for text in ("good", "bad", "old"):
            await self.anna.say(self.room, text)
        self.hook.answer = with_status(500)
        await self.anna.say(self.room, "good")

        counted = await scrape(self.daemon)
        outcomes = ("allowed", "rejected", "rewritten", "timed_out", "failed", "unasked")
        found = [counted.of("justchat_before_message_total", outcome=outcome) for outcome in outcomes]
        self.assertEqual([1, 1, 1, 0, 1, 0], found)
        self.assertEqual(4, counted.of("justchat_before_message_duration_seconds_count"))
        self.assertEqual(0, counted.of("justchat_before_message_open"))


def drip(request: Request) -> int:
    """Begins an answer, and never ends it."""
    request.write(b"{")
    return NOT_DONE_YET


class Later:
    """The reactor, ``seconds`` later than it is."""

    def __init__(self) -> None:
        self.later = 0.0

    def seconds(self) -> float:
        return reactor.seconds() + self.later

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class Repeating(TestCase):
    """A question whose connection breaks is repeated once, in the first half of its time."""

    async def asked(self, breaks_after: float) -> int:
        """How often a question is asked whose connection breaks so many seconds after it was sent."""
        clock, hook = Later(), FakeGateway()
        self.addCleanup(lambda: Deferred.fromCoroutine(hook.stop()))

        def hang_up(request: Request) -> int:
            clock.later += breaks_after
            request.channel.transport.abortConnection()
            return NOT_DONE_YET

        hook.answer = hang_up
        settings = BeforeMessageSettings(url=hook.address, secret=SECRET, timeout_ms=60_000)
        asking = BeforeMessage(settings, 1000, clock, now)
        draft = Draft(author=new_id(), room=new_id(), text="good")
        self.assertEqual("good", await asking.ask(draft))
        return len(hook.sent)

    async def test_early(self) -> None:
        self.assertEqual(2, await self.asked(breaks_after=0))

    async def test_late(self) -> None:
        self.assertEqual(1, await self.asked(breaks_after=30))

    async def test_timed_out(self) -> None:
        """One that has taken all of its time counts as timed out, however it ends."""
        before = BEFORE_MESSAGE.series["timed_out",]
        await self.asked(breaks_after=30)
        self.assertEqual(before, BEFORE_MESSAGE.series["timed_out",])

        await self.asked(breaks_after=60)

        self.assertEqual(before + 1, BEFORE_MESSAGE.series["timed_out",])


class Restarted(HookCase):
    async def test_kept_connection(self) -> None:
        """A server that has closed the kept connection is asked over another one."""
        await self.begin(on_failure="reject")
        self.assertEqual(200, (await self.anna.say(self.room, "good")).status)
        self.hook.hang_up()

        self.assertEqual(200, (await self.anna.say(self.room, "good")).status)
