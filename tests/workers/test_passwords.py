"""Hashes of keys and passwords: by a process of low priority, and by threads if that fails."""

import os
import signal
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from justchat.errors import Busy
from justchat.interfaces.workers import HashOwner
from justchat.workers import passwords
from justchat.workers.passwords import BACKLOG, EACH, Passwords
from tests.support.waiting import eventually

TURN = HashOwner("keys", "198.51.100.0/24")
SECRET = "Спи, моя радость ☾ \"'\\\n"


class NoRoom:
    """A reactor on a machine that has no room for another process."""

    def __init__(self) -> None:
        self.tries = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)

    def spawnProcess(self, *_: object, **__: object) -> None:
        self.tries += 1
        raise BlockingIOError("no more processes")


class PasswordsCase(TestCase):
    def setUp(self) -> None:
        # It yields to the other tests, too.
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

        def observe(event: Any) -> None:
            lines.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return lines

    def without_threads(self, of: Passwords) -> None:
        """From now on a test fails where the threads are asked."""

        def refuse(*_: object) -> None:
            raise AssertionError("the threads were asked")

        self.patch(of._threads, "run", refuse)


class Hashes(PasswordsCase):
    async def check(self, made: Passwords) -> None:
        hash = await made.hash(SECRET, TURN)

        self.assertTrue(hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$"), hash)
        self.assertNotEqual(hash, await made.hash(SECRET, TURN), "each has a salt of its own")
        self.assertIs(True, await made.matches(SECRET, hash, TURN))
        self.assertIs(False, await made.matches(SECRET + " ", hash, TURN))
        self.assertIs(False, await made.matches("", None, TURN))
        self.assertIs(False, await made.matches(SECRET, "no hash", TURN))

    async def test_by_process(self) -> None:
        """The process hashes and verifies."""
        made = self.started()
        self.without_threads(made)

        await self.check(made)

    async def test_by_threads(self) -> None:
        """The threads do the same without a process."""
        await self.check(self.started(NoRoom()))

    async def test_impossible(self) -> None:
        """A value that cannot be hashed is an error, and the process goes on."""
        made = self.started()
        pid = self.pid(made)

        with self.assertRaises(UnicodeEncodeError):
            await made.hash("\ud800", TURN)

        self.without_threads(made)
        self.assertIs(True, await made.matches("a", await made.hash("a", TURN), TURN))
        self.assertEqual(pid, self.pid(made))


class ItsProcess(PasswordsCase):
    async def test_idle(self) -> None:
        """The process yields its core to any other process."""
        made = self.started()
        await made.hash(SECRET, TURN)

        await eventually(lambda: os.sched_getscheduler(self.pid(made)) == os.SCHED_IDLE, "it to give way")

    async def test_session(self) -> None:
        """It is in the daemon's session, but Ctrl-C does not end it."""
        made = self.started()
        await made.process.send("a")  # it is up

        os.kill(self.pid(made), signal.SIGINT)

        self.without_threads(made)
        await made.hash(SECRET, TURN)
        self.assertEqual(os.getsid(0), os.getsid(self.pid(made)))

    async def test_interrupted_start(self) -> None:
        """Ctrl-C during its start does not end it, either."""
        said, made = self.said(), self.started()

        os.kill(self.pid(made), signal.SIGINT)

        self.without_threads(made)
        await made.hash(SECRET, TURN)
        self.assertEqual([], said)

    async def test_too_slow(self) -> None:
        """Requests that it does not answer in time are computed by threads, and later requests do not wait for it. It
        is then used again, and no request gets another's answer.
        """
        made = self.started()
        process = made.process
        hash = await made.hash(SECRET, TURN)
        os.kill(self.pid(made), signal.SIGSTOP)
        self.patch(passwords, "PATIENCE", 0.1)

        self.assertIs(True, await made.matches(SECRET, hash, TURN))
        self.assertIs(False, await made.matches(SECRET + "!", hash, TURN))

        os.kill(self.pid(made), signal.SIGCONT)
        await eventually(lambda: not process.unanswered, "it to catch up")
        self.patch(passwords, "PATIENCE", 60.0)
        self.patch(passwords, "PROBE_EVERY", 0.0)
        made._next_probe = 0.0
        self.assertIs(False, await made.matches(SECRET + "!", hash, TURN))
        await eventually(lambda: not process.unanswered, "the probe's answer")
        self.without_threads(made)
        self.assertIs(False, await made.matches(SECRET + "!", hash, TURN))

    async def test_no_idle_core(self) -> None:
        """After a hash that was too slow, threads compute all for a while, though the process has answered."""
        made = self.started()
        await made.process.send("a")
        os.kill(self.pid(made), signal.SIGSTOP)
        self.patch(passwords, "PATIENCE", 0.01)
        self.patch(passwords, "PROBE_EVERY", 600.0)
        await made.hash(SECRET, TURN)
        os.kill(self.pid(made), signal.SIGCONT)
        await eventually(lambda: not made.process.unanswered, "it to catch up")
        self.patch(passwords, "PATIENCE", 60.0)
        os.kill(self.pid(made), signal.SIGSTOP)

        await gatherResults([ensureDeferred(made.hash(SECRET, TURN)) for _ in range(3)])

        self.assertEqual(0, made.process.unanswered)

    async def test_probe(self) -> None:
        """The process is tried again with a hash that nobody waits for."""
        made = self.started()
        await made.process.send("a")
        os.kill(self.pid(made), signal.SIGSTOP)
        self.patch(passwords, "PATIENCE", 0.01)
        self.patch(passwords, "PROBE_EVERY", 0.0)
        await made.hash(SECRET, TURN)
        os.kill(self.pid(made), signal.SIGCONT)
        await eventually(lambda: not made.process.unanswered, "it to catch up")
        os.kill(self.pid(made), signal.SIGSTOP)
        self.patch(passwords, "PATIENCE", 60.0)

        await made.hash(SECRET, TURN)

        self.assertEqual(1, made.process.unanswered, "the probe")

    async def test_killed(self) -> None:
        """No request is lost when it dies, and another process is started."""
        said = self.said()
        made = self.started()
        first = self.pid(made)
        os.kill(first, signal.SIGSTOP)
        hashes = [ensureDeferred(made.hash(SECRET, TURN)) for _ in range(5)]

        os.kill(first, signal.SIGKILL)

        for hash in await gatherResults(hashes):
            self.assertIs(True, await made.matches(SECRET, hash, TURN))
        await eventually(lambda: made.process.pid not in (None, first), "another process")
        self.assertTrue([line for line in said if "signal 9" in line], said)
        self.assertNotIn(SECRET, "".join(said))

    async def test_no_room(self) -> None:
        """A process that cannot be started is logged, and started later."""
        self.patch(passwords, "RESTART", 0.01)
        said, full = self.said(), NoRoom()

        self.started(full)

        await eventually(lambda: full.tries > 2, "it to be tried again")
        self.assertIn("cannot be started: no more processes", said[0])

    async def stopped(self) -> Passwords:
        """With a stopped process and idle threads, so that every request waits."""
        made = self.started()
        await made.process.send("a")
        os.kill(self.pid(made), signal.SIGSTOP)
        return made

    async def test_turns(self) -> None:
        """An owner with many requests does not delay others; keys and room passwords take turns."""
        made = await self.stopped()
        done: list[str] = []

        def ask(queue: Any, owner: str) -> "Deferred[Any]":
            asked = ensureDeferred(made.hash(SECRET, HashOwner(queue, owner)))
            return asked.addCallback(lambda _: done.append(owner))

        flood = [ask("rooms", "flood") for _ in range(EACH["rooms"])]
        flood += [ask("keys", "10.0.0.0/24") for _ in range(BACKLOG)]
        others = [ask("rooms", "other"), ask("keys", "198.51.100.0/24")]
        os.kill(self.pid(made), signal.SIGCONT)
        await gatherResults(others)

        # Two were sent before. Then at most two of each queue come before another owner's, and two more are sent.
        self.assertLessEqual(len(done), 8)
        await gatherResults(flood)
        self.assertEqual(EACH["rooms"] + BACKLOG + 2, len(done))

    async def test_too_many(self) -> None:
        """An owner's waiting requests are bounded: one more is Busy, and others are accepted."""
        made = await self.stopped()
        asked = [ensureDeferred(made.hash(SECRET, HashOwner("rooms", "flood"))) for _ in range(EACH["rooms"] + 2)]

        with self.assertRaises(Busy):
            await made.hash(SECRET, HashOwner("rooms", "flood"))

        other = ensureDeferred(made.hash(SECRET, HashOwner("rooms", "other")))
        self.assertNoResult(other)
        os.kill(self.pid(made), signal.SIGCONT)
        await gatherResults([*asked, other])

    async def test_full(self) -> None:
        """Where the queue is full, the owner with the most requests loses one; an owner with one loses none."""
        made = await self.stopped()
        self.patch(made._queues["rooms"], "_most", 6)
        asked = [ensureDeferred(made.hash(SECRET, HashOwner("keys", "first"))) for _ in range(2)]
        flood = [ensureDeferred(made.hash(SECRET, HashOwner("rooms", "flood"))) for _ in range(5)]
        others = [ensureDeferred(made.hash(SECRET, HashOwner("rooms", f"{n}"))) for n in range(5)]

        self.assertEqual(4, len([each for each in flood if isinstance(getattr(each, "result", None), Failure)]))
        for each in flood[1:]:
            self.failureResultOf(each, Busy)
        with self.assertRaises(Busy):
            await made.hash(SECRET, HashOwner("rooms", "late"))
        os.kill(self.pid(made), signal.SIGCONT)
        await gatherResults([*asked, flood[0], *others])

    async def test_thread_for_keys(self) -> None:
        """While there is no process, room passwords have one thread, and sign-ins the other."""
        made = self.started(NoRoom())
        rooms = [ensureDeferred(made.hash(SECRET, HashOwner("rooms", f"{n}"))) for n in range(10)]
        self.assertEqual(passwords.THREADS - 1, made._in_threads)

        key = ensureDeferred(made.hash(SECRET, TURN))

        self.assertEqual(passwords.THREADS, made._in_threads)
        await gatherResults([*rooms, key])

    async def test_threads_help(self) -> None:
        """Where many keys wait, threads help the process; not for room passwords."""
        made = await self.stopped()
        rooms = [ensureDeferred(made.hash(SECRET, HashOwner("rooms", f"{n}"))) for n in range(30)]
        self.assertEqual(0, made._in_threads)

        keys = [ensureDeferred(made.hash(SECRET, HashOwner("keys", f"{n}"))) for n in range(30)]

        self.assertEqual(passwords.THREADS, made._in_threads)
        os.kill(self.pid(made), signal.SIGCONT)
        await gatherResults([*rooms, *keys])

    async def test_stop(self) -> None:
        """After the stop no process is left, even if it hung."""
        made = Passwords(reactor)
        made.start()
        pid = self.pid(made)
        os.kill(pid, signal.SIGSTOP)

        await made.stop()

        with self.assertRaises(ProcessLookupError):
            os.kill(pid, 0)
        self.assertIsNone(made.process.pid)
