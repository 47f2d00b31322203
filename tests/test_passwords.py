"""Hashes of keys and passwords: made by a process that gives way to all others, and by threads where it cannot."""

import os
import signal
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from justchat import passwords
from justchat.errors import Busy
from justchat.passwords import WAITING, WAITING_FOR_PROCESS, Passwords
from tests.support.client import eventually

SECRET = "Спи, моя радость ☾ \"'\\\n"


class NoRoom:
    """A reactor on a machine that has no room for another process."""

    def __init__(self) -> None:
        self.tries = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)

    def spawnProcess(self, *_: object) -> None:
        self.tries += 1
        raise BlockingIOError("no more processes")


class PasswordsCase(TestCase):
    def setUp(self) -> None:
        # It gives way to the other tests, too.
        self.patch(passwords, "PATIENCE", 60.0)

    def started(self, reactor: Any = reactor) -> Passwords:
        made = Passwords(reactor)
        made.start()
        self.addCleanup(lambda: ensureDeferred(made.stop()))
        return made

    def pid(self, of: Passwords) -> int:
        assert of.process.pid is not None
        return of.process.pid

    def said(self) -> list[str]:
        """What is logged from now on."""
        lines: list[str] = []

        def hear(event: Any) -> None:
            lines.append(formatEvent(event))

        globalLogPublisher.addObserver(hear)
        self.addCleanup(globalLogPublisher.removeObserver, hear)
        return lines

    def without_threads(self, of: Passwords) -> None:
        """From now on a test fails where the threads are asked."""

        def refuse(*_: object) -> None:
            raise AssertionError("the threads were asked")

        self.patch(of._workers, "do", refuse)


class Hashes(PasswordsCase):
    async def check(self, made: Passwords) -> None:
        hash = await made.hash(SECRET)

        self.assertTrue(hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$"), hash)
        self.assertNotEqual(hash, await made.hash(SECRET), "each has a salt of its own")
        self.assertIs(True, await made.matches(SECRET, hash))
        self.assertIs(False, await made.matches(SECRET + " ", hash))
        self.assertIs(False, await made.matches("", None))
        self.assertIs(False, await made.matches(SECRET, "no hash"))

    async def test_by_process(self) -> None:
        """The process makes them, and tells what is right."""
        made = self.started()
        self.without_threads(made)

        await self.check(made)

    async def test_by_threads(self) -> None:
        """Where there is no process it is the same."""
        await self.check(self.started(NoRoom()))

    async def test_impossible(self) -> None:
        """What cannot be hashed is an error, and the process goes on."""
        made = self.started()
        pid = self.pid(made)

        with self.assertRaises(UnicodeEncodeError):
            await made.hash("\ud800")

        self.without_threads(made)
        self.assertIs(True, await made.matches("a", await made.hash("a")))
        self.assertEqual(pid, self.pid(made))


class ItsProcess(PasswordsCase):
    async def test_idle(self) -> None:
        """It gives way to whoever wants its core."""
        made = self.started()
        await made.hash(SECRET)

        await eventually(lambda: os.sched_getscheduler(self.pid(made)) == os.SCHED_IDLE, "it to give way")

    async def test_session(self) -> None:
        """It is of our session, but not ended by Ctrl-C."""
        made = self.started()
        await made.process.ask("a")  # it is up

        os.kill(self.pid(made), signal.SIGINT)

        self.without_threads(made)
        await made.hash(SECRET)
        self.assertEqual(os.getsid(0), os.getsid(self.pid(made)))

    async def test_interrupted_start(self) -> None:
        """Ctrl-C while it starts does not end it, either."""
        said, made = self.said(), self.started()

        os.kill(self.pid(made), signal.SIGINT)

        self.without_threads(made)
        await made.hash(SECRET)
        self.assertEqual([], said)

    async def test_too_slow(self) -> None:
        """What it has not done in time is done all the same, what comes then does not wait for it; later it is asked
        again, and gives nobody the answer of another."""
        made = self.started()
        process = made.process
        hash = await made.hash(SECRET)
        os.kill(self.pid(made), signal.SIGSTOP)
        self.patch(passwords, "PATIENCE", 0.1)

        self.assertIs(True, await made.matches(SECRET, hash))
        asked = ensureDeferred(process.ask(SECRET, hash))
        self.assertIsNone(self.successResultOf(asked))
        self.assertIs(False, await made.matches(SECRET + "!", hash))

        os.kill(self.pid(made), signal.SIGCONT)
        await eventually(lambda: not process.unanswered, "it to catch up")
        self.patch(passwords, "PATIENCE", 60.0)
        self.without_threads(made)
        self.assertIs(False, await made.matches(SECRET + "!", hash))

    async def test_killed(self) -> None:
        """Nothing that it was asked is lost when it dies, and another is started."""
        said = self.said()
        made = self.started()
        first = self.pid(made)
        os.kill(first, signal.SIGSTOP)
        hashes = [ensureDeferred(made.hash(SECRET)) for _ in range(5)]

        os.kill(first, signal.SIGKILL)

        for hash in await gatherResults(hashes):
            self.assertIs(True, await made.matches(SECRET, hash))
        await eventually(lambda: made.process.pid not in (None, first), "another process")
        self.assertTrue([line for line in said if "signal 9" in line], said)
        self.assertNotIn(SECRET, "".join(said))

    async def test_no_room(self) -> None:
        """Where no process can be started it is said, and tried again."""
        self.patch(passwords, "RESTART", 0.01)
        said, full = self.said(), NoRoom()

        self.started(full)

        await eventually(lambda: full.tries > 2, "it to be tried again")
        self.assertIn("cannot be started: no more processes", said[0])

    async def test_too_many(self) -> None:
        """It is asked no more at once than it can do in time; the threads take what is more, up to their bound."""
        self.patch(passwords, "PATIENCE", 2.0)
        made = self.started()
        os.kill(self.pid(made), signal.SIGSTOP)
        asked = [ensureDeferred(made.process.ask(SECRET)) for _ in range(WAITING_FOR_PROCESS)]

        self.assertIsNone(self.successResultOf(ensureDeferred(made.process.ask(SECRET))))

        for each in asked:
            self.assertNoResult(each)
        threads: Deferred[Any] = gatherResults([ensureDeferred(made.hash("a")) for _ in range(WAITING)])
        with self.assertRaises(Busy):
            await made.hash("a")
        self.assertEqual(WAITING, len(set(await threads)))
        self.assertEqual([None] * len(asked), await gatherResults(asked))

    async def test_stop(self) -> None:
        """When all is stopped it is gone, also one that hangs; and there is no other."""
        made = Passwords(reactor)
        made.start()
        pid = self.pid(made)
        os.kill(pid, signal.SIGSTOP)

        await made.stop()

        with self.assertRaises(ProcessLookupError):
            os.kill(pid, 0)
        self.assertIsNone(made.process.pid)
