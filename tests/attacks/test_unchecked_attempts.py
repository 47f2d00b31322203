"""An attempt that was not checked does not count: a stopped database, a lost answer."""

import contextlib  # a global "suppress" would be a setting of trial's
import hashlib
import os
import signal
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from justchat.errors import DatabaseAway, TooManyRequests
from justchat.model.ids import new_id
from justchat.model.moment import now
from justchat.model.phone import Phone
from justchat.model.rate import Rate, RateCounter
from justchat.store import compensation
from justchat.store.indexes import create_indexes
from justchat.store.invites import Invites
from justchat.store.mongo.client import Database
from justchat.store.rate_windows import RateWindows
from tests.support.chat import a_person, a_phone, register
from tests.support.client import Answer, call
from tests.support.mongo import discard, empty_uri, pause
from tests.support.waiting import at_once, eventually
from tests.support.wire import OwnDaemonCase


class DatabaseStopped(OwnDaemonCase):
    embedded = True  # the test stops it

    """The database neither answers nor closes, and later carries out all that it was sent."""

    async def test_stands_still(self) -> None:
        """Six calls of each kind are 503 while it is stopped; afterwards no limit has counted them."""
        await self.start('[limits]\nsms_per_phone = ["3/hour"]\nunnumbered_top_ups = ["2/day"]\n')
        anna, friend, known, new = await a_person(self.daemon), a_phone(), a_phone(), a_phone()
        key = await register(self.daemon, known)
        secret = (self.daemon.data / "payments-secret-key").read_text()
        signed = hashlib.md5(f"{secret}7".encode()).hexdigest()

        def all_calls() -> list[Any]:
            return [
                self.auth(known, key),
                call(self.daemon.http, "/init/reg", {"phone": new}),
                anna.call("/init/invite", phons=[friend]),
                anna.call("/user/updateBalance", balance=7, secret=signed),
                anna.call("/user/free-coins", type="vk"),
            ]

        pid = self.daemon.mongod_pid()
        pause(pid)
        self.addCleanup(lambda: go_on(pid))
        refused = await at_once([each for _ in range(6) for each in all_calls()])
        go_on(pid)
        await self.ready()

        self.assertEqual({503}, {answer.status for answer in refused})
        self.assertEqual([401] * 4, [(await self.auth(known, "1" + key)).status for _ in range(4)])
        statuses = [answer.status for answer in await at_once(all_calls())]
        self.assertEqual([200, 201, 200, 200, 200], statuses)
        outbox = (self.daemon.data / "sms-outbox.jsonl").read_text()
        self.assertEqual((1, 1), (outbox.count(friend), outbox.count(new)))

    async def auth(self, phone: str, key: str) -> Answer:
        return await call(self.daemon.http, "/init/auth", {"phone": phone, "key": key})


def go_on(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


class Killed(OwnDaemonCase):
    async def test_killed(self) -> None:
        """A daemon that is killed while right keys are checked burns none, and allows no further wrong ones."""
        await self.start("")
        phone = a_phone()
        key = await register(self.daemon, phone)
        wrong = [(await self.auth(phone, "1" + key)).status for _ in range(3)]

        for _ in range(2):
            trying = at_once(self.outcome(phone, key) for _ in range(12))
            await deferLater(reactor, 0.03)
            await self.daemon.kill()
            await trying
            await self.daemon.start()

        self.assertEqual([401] * 3, wrong)
        self.assertEqual(200, (await self.auth(phone, key)).status)
        self.assertEqual([401] * 5, [(await self.auth(phone, "1" + key)).status for _ in range(5)])
        self.assertEqual(401, (await self.auth(phone, key)).status)

    async def auth(self, phone: str, key: str) -> Answer:
        return await call(self.daemon.http, "/init/auth", {"phone": phone, "key": key})

    async def outcome(self, phone: str, key: str) -> int:
        """The status, or 0 where the daemon was gone."""
        try:
            return (await self.auth(phone, key)).status
        except Exception:
            return 0


class Faulty(Database):
    """A real database that loses some answers, having done the work at once or long afterwards."""

    lose: Callable[[str], bool] = staticmethod(lambda name: False)
    late: float | None = None

    async def command(self, command: dict[str, Any], **more: Any) -> dict[str, Any]:
        name = next(iter(command))
        if not self.lose(name):
            return await super().command(command, **more)
        self.lose = lambda name: False
        if self.late is None:
            await super().command(command, **more)
        else:
            late = deferLater(reactor, self.late, lambda: ensureDeferred(super(Faulty, self).command(command, **more)))
            late.addErrback(lambda failure: None)
        raise DatabaseAway


class LostAnswers(TestCase):
    """Between a look and a write, too, the database may be gone: what it then did is undone, early or late."""

    async def setUp(self) -> None:
        self.patch(compensation, "RETRY_INTERVAL", 0.05)
        self.patch(compensation, "SETTLING_TIME", 1.0)
        self.database = Faulty(empty_uri())
        self.database.open()
        await create_indexes(self.database)
        self.windows = RateWindows(self.database, now, reactor)
        self.first = RateCounter("first", "anna", (Rate(5, 3600),))
        self.second = RateCounter("second", "anna", (Rate(5, 3600),))

    async def tearDown(self) -> None:
        await eventually(lambda: not self.windows._compensator._waiting, "all to be undone")
        await discard(self.database)

    async def check(self, late: float | None) -> None:
        """The second of two counts is in doubt: in the end neither has counted."""
        hits = 0

        def second(name: str) -> bool:
            nonlocal hits
            hits += name == "findAndModify"
            return hits == 2

        self.database.lose, self.database.late = second, late
        with self.assertRaises(DatabaseAway):
            await self.windows.take([self.first, self.second])
        await self.windows.take([self.first, self.second])

        await eventually(lambda: not self.windows._compensator._waiting, "all to be undone")
        if late is not None:
            await deferLater(reactor, late)

        self.assertEqual([1 / 5, 1 / 5], await self.windows.used([self.first, self.second]))

    async def test_done(self) -> None:
        """It counted, and the answer was lost."""
        await self.check(None)

    async def test_done_late(self) -> None:
        """It counts only after it has answered other things again."""
        self.patch(RateWindows, "give_back", self._away_once(RateWindows.give_back))
        await self.check(0.3)

    def _away_once(self, original: Any) -> Any:
        """The database is away when the count is given back at once, so that it is done later."""

        async def give_back(windows: RateWindows, hits: Any) -> None:
            for hit in hits:
                asked: list[int] = []

                async def back(hit: Any = hit, asked: list[int] = asked) -> None:
                    asked.append(1)
                    if len(asked) == 1:
                        raise DatabaseAway
                    await windows._give_back(hit)

                await windows._compensator.compensate(back)

        return give_back

    async def test_invitation(self) -> None:
        """A claim whose answer was lost is released: the invitation can be sent."""
        invites, anna, phone = Invites(self.database, now, reactor), new_id(), Phone("79223438450")
        first, second = new_id(), new_id()
        self.assertTrue(await invites.claim(anna, phone, first))
        self.assertTrue(await invites.confirm(anna, phone, first))

        await invites.release(anna, phone, second)
        self.assertFalse(await invites.claim(anna, phone, second), "of another call nothing is released")
        await invites.release(anna, phone, first)

        self.assertTrue(await invites.claim(anna, phone, second))

    async def test_full(self) -> None:
        """Lost answers free no place: a full limit stays full."""
        for _ in range(5):
            await self.windows.take([self.second])

        for lost in ("findAndModify", "find"):
            self.database.lose = lambda name, lost=lost: name == lost
            with self.assertRaises((DatabaseAway, TooManyRequests)):
                await self.windows.take([self.first, self.second])
        self.database.lose = lambda name: False
        await eventually(lambda: not self.windows._compensator._waiting, "all to be undone")

        with self.assertRaises(TooManyRequests):
            await self.windows.take([self.second])
        self.assertEqual([0.0], await self.windows.used([self.first]))
