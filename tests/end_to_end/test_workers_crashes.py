"""A worker is killed under load: nothing acknowledged is lost, its clients come back, and the others notice nothing."""

import os
import signal
import time

from twisted.internet.defer import Deferred

from tests.support.chat import Person
from tests.support.client import Listener, listen
from tests.support.crashes import CrashCase
from tests.support.waiting import assert_within, at_once, eventually
from tests.support.workers import a_session_of, worker_pids

SOCKETS = 12
"""Enough that each worker has some."""


class Resuming:
    """A client that comes back, with its position, as soon as its socket is lost."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.seqs: list[int] = []
        self.waits: list[float] = []
        """Seconds without a socket, for each time that one was lost."""
        self.recovered: list[bool] = []
        self._socket: Listener | None = None
        self._room: str | None = None
        self._n = 0
        self._taken = 0

    async def open(self) -> None:
        self._socket = await listen(self.person.daemon.websocket)
        have = {"n": self._n, "room": self._room, "seq": self.seqs[-1]} if self.seqs else {}
        self._socket.say({"event": "init", "data": {"session_key": self.person.session_key, **have}})
        ready = (await self._socket.next("ready"))["data"]
        self._room, self._n = ready["room"], ready["n"]
        self._taken = 0

    async def look(self) -> None:
        """Take what has come, and come back if the socket is lost."""
        assert self._socket is not None
        gone = self._socket.gone.called
        for event in self._socket.events[self._taken :]:
            if event["event"] == "message":
                self.seqs.append(event["data"]["seq"])
            elif event["event"] == "caught-up":
                self.recovered.append(event["data"]["recovered"])
        self._taken = len(self._socket.events)
        if gone:
            since = time.monotonic()
            await self.open()
            self.waits.append(time.monotonic() - since)

    async def leave(self) -> None:
        assert self._socket is not None
        await self._socket.leave()


class WorkerKilled(CrashCase):
    def options(self) -> list[str]:
        return ["--workers", "2"]

    async def test_under_load(self) -> None:
        """Each acknowledged message is kept, and reaches each client once and in order."""
        await self.talk(pause=0.05)
        clients = [Resuming(self.talkers[number % len(self.talkers)]) for number in range(SOCKETS)]
        for client in clients:
            await client.open()
        pids = worker_pids(self.daemon)

        for victim in (1, 2):
            await self.crowd.reach(50)
            os.kill(worker_pids(self.daemon)[victim], signal.SIGKILL)
            succeeded = len(self.crowd.said)
            back = Deferred.fromCoroutine(a_session_of(self.daemon.http, victim))

            async def served(back: "Deferred[str]" = back, wanted: int = succeeded + 100) -> bool:
                await at_once(client.look() for client in clients)
                return back.called and len(self.crowd.said) >= wanted

            # Looking all the time: a client that stays away for a thousand messages is replayed none.
            await eventually(served, "messages after the death of a worker, and its successor", 60)
            await back  # before the next one dies
        await self.crowd.end()

        await self.check_kept()
        seqs = [message["seq"] for message in await self.history() if message["type"] is None]
        for client in clients:
            await self.assert_has(client, seqs)
            self.addCleanup(client.leave)
        self.assertEqual({}, {number: pid for number, pid in worker_pids(self.daemon).items() if pids[number] == pid})
        waits = [wait for client in clients for wait in client.waits]
        self.assertTrue(SOCKETS // 2 <= len(waits) <= 2 * SOCKETS, waits)
        assert_within(2, max(waits))

    async def assert_has(self, client: Resuming, seqs: list[int]) -> None:
        async def complete() -> bool:
            await client.look()
            return client.seqs[-1:] == seqs[-1:]

        await eventually(complete, lambda: f"the last message {seqs[-1]}; got {client.seqs[-5:]}")
        self.assertEqual(seqs[seqs.index(client.seqs[0]) :], client.seqs)
        self.assertTrue(all(client.recovered), client.recovered)
        self.assertEqual(len(client.waits), len(client.recovered))
