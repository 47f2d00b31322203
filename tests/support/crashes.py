"""Users who send messages during a crash, and the invariants that hold afterwards."""

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from tests.support.chat import ChatTestCase, Person, a_room
from tests.support.client import Listener
from tests.support.daemon import Daemon
from tests.support.waiting import eventually
from tests.support.workers import has_ended

TALKERS = 6
"""Fewer than the reactor has threads."""
PAUSE = 0.02
"""Seconds until a user tries again, or says the next thing: that busy ones are no load is not what a crash shows."""
Call = tuple[str, dict[str, Any]]


@frozen
class Outcome:
    """The outcome of a call; ``status`` 0 is a broken connection."""

    body: dict[str, Any]
    status: int
    retry_after: str | None = None
    json: Any = None

    @property
    def text(self) -> str:
        text: str = self.body["message"]["text"]
        return text


class Crowd:
    """Users who each make calls in a loop, in a thread, over a persistent connection."""

    def __init__(self, daemon: Daemon, people: list[Person], next_call: Callable[[Person, int], Call]) -> None:
        self.outcomes: list[Outcome] = []
        self._port = daemon.http
        self._next_call = next_call
        self._enough = threading.Event()
        self._threads: list[Deferred[None]] = [deferToThread(self._run, person) for person in people]

    @property
    def said(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status in (200, 201)]

    @property
    def refused(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status not in (0, 200, 201)]

    def _run(self, person: Person) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        for number in itertools.count():
            if self._enough.is_set():
                break
            path, body = self._next_call(person, number)
            try:
                connection.request("POST", path, json.dumps({"session_key": person.session_key, **body}))
                response = connection.getresponse()
                answer = json.loads(response.read())
                self.outcomes.append(Outcome(body, response.status, response.getheader("Retry-After"), answer))
                if response.status >= 500:
                    time.sleep(PAUSE)
            except (OSError, http.client.HTTPException):
                self.outcomes.append(Outcome(body, 0))
                connection.close()
                time.sleep(PAUSE)
        connection.close()

    async def reach(self, more: int) -> None:
        """Returns when so many more calls have succeeded."""
        wanted = len(self.said) + more
        await eventually(lambda: len(self.said) >= wanted, f"{wanted} calls to succeed; last: {self.outcomes[-3:]}")

    async def end(self) -> None:
        self._enough.set()
        await gatherResults(self._threads)


class CrashCase(ChatTestCase):
    """Each test has a daemon of its own."""

    async def setUp(self) -> None:
        self._logged = 0
        self._listeners: list[Listener] = []
        self.daemon = await self.make_daemon().start()

    def make_daemon(self) -> Daemon:
        return Daemon(*self.options())

    def options(self) -> list[str]:
        return []

    async def tearDown(self) -> None:
        # trial runs the cleanups before this: the crowd has ended, a stopped database goes on.
        try:
            await super().tearDown()
        finally:
            if self.daemon.process is not None and self.daemon.process.poll() is None:
                await self.daemon.stop()
            self.daemon.remove()

    async def people(self, number: int) -> list[Person]:
        return [await self.a_person() for _ in range(number)]

    def a_crowd(self, people: list[Person], next_call: Callable[[Person, int], Call]) -> Crowd:
        crowd = Crowd(self.daemon, people, next_call)
        self.addCleanup(crowd.end)
        return crowd

    async def talk(self, pause: float = PAUSE / 2) -> None:
        """Sets ``admin``, ``room`` and ``crowd``: users who are sending messages in the room, each after a pause."""
        self.talkers = await self.people(TALKERS)
        self.admin = self.talkers[0]
        room = self.room = await a_room(self.admin, *self.talkers)

        def say(person: Person, number: int) -> Call:
            time.sleep(pause)
            return "/room/sendMessage", {"message": {"room_id": room, "text": f"{person.phone} {number}"}}

        self.crowd = self.a_crowd(self.talkers, say)
        await self.crowd.reach(60)

    async def history(self, page: int = 500) -> list[dict[str, Any]]:
        """The room from its beginning, paged as a client does: it skips what it has."""
        messages: list[dict[str, Any]] = []
        for _ in range(1000):
            # Not by the last one's seq: where a write became void, a number is missing.
            answer = await self.admin.call("/room/chat", room=self.room, skip=len(messages), limit=page)
            if not answer.data["chat"]:
                return messages
            messages += answer.data["chat"]
        raise AssertionError("the history has no end")

    async def assert_none_refused_is_there(self) -> None:
        """No message is in the room that was answered with an error."""
        texts = {message["text"] for message in await self.history()}
        self.assertEqual(set(), texts & {outcome.text for outcome in self.crowd.refused})

    async def check_kept(self) -> None:
        """Every acknowledged message is in the room once, unchanged and in one order."""
        messages = await self.history()
        numbers = [message["seq"] for message in messages]
        self.assertEqual(sorted(set(numbers)), numbers)
        times = Counter(message["text"] for message in messages if message["type"] is None)
        self.assertEqual({1}, set(times.values()))
        by_id = {message["_id"]: message for message in messages}
        for outcome in self.crowd.said:
            message = outcome.json["data"]["message"]
            self.assertEqual(message, by_id.get(message["_id"]))

    def database_gone(self, pid: int) -> bool:
        return has_ended(pid)
