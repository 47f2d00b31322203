"""The stall detector, and what it finds in a busy daemon."""

import re
import time

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from justchat.runtime.stall_detector import StallDetector
from tests.support.chat import Person, a_room
from tests.support.daemon import WATCHED
from tests.support.wire import OwnDaemonCase


def burn(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


class Instrument(TestCase):
    def setUp(self) -> None:
        self.reported: list[tuple[float, str]] = []
        self.stalls = StallDetector(reactor, lambda ms, at: self.reported.append((ms, at)))
        self.addCleanup(self.stalls.stop)

    async def test_reported(self) -> None:
        """A reactor turn that computes for too long is reported with its stack."""
        await deferLater(reactor, 0.01, burn, 0.5)
        await deferLater(reactor, 0.01)

        [(ms, at)] = self.reported
        self.assertGreater(ms, 450)
        self.assertIn("burn", at)

    async def test_waiting(self) -> None:
        """Waiting for epoll or for the processor is not a stall."""
        await deferLater(reactor, 0.1)
        await deferLater(reactor, 0, time.sleep, 0.1)
        await deferLater(reactor, 0.01)

        self.assertEqual([], self.reported)


class BusyDaemon(OwnDaemonCase):
    async def test_none(self) -> None:
        """While many sign in, send and search at once, no reactor turn is too long."""
        self.daemon.environ |= WATCHED
        await self.start("[limits]\nenabled = false")
        talkers = [await self.a_person() for _ in range(8)]
        room = await a_room(*talkers)
        for talker in talkers:
            await talker.enter(room)
            await self.a_listener(talker)

        async def talk(person: Person) -> None:
            for n in range(60):
                self.assertEqual(200, (await person.say(room, f"{n} " * 200)).status)
                if n % 10 == 0:
                    await person.call("/room/chat", room=room, limit=100)
                    await person.call("/room/get")

        signing_in = [ensureDeferred(self.a_person()) for _ in range(8)]
        await gatherResults([ensureDeferred(talk(person)) for person in talkers] + signing_in)

        said = self.daemon.log[self._logged :]
        # On a processor that other programs use, the same work takes up to twice its time.
        stalls = [stall for stall in re.findall(r"the reactor was blocked for (\d+) ms at .*", said) if int(stall) > 50]
        self.assertEqual([], stalls, said)
