"""A power cut while gifts are sent: coins and gifts add up after every restart."""

import hashlib
import os
import signal
from typing import Any
from urllib.parse import quote

from pymongo import MongoClient
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.support.chat import Person, a_person
from tests.support.client import request
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

COINS = 100_000


class Giving(TestCase):
    async def setUp(self) -> None:
        self.daemon = await Daemon().start()
        self.addCleanup(self.daemon.remove)
        self.givers = [await a_person(self.daemon) for _ in range(4)]
        self.receiver = await a_person(self.daemon)
        secret = (self.daemon.data / "payments-secret-key").read_text()
        signature = hashlib.md5(f"{secret}{COINS}".encode()).hexdigest()
        for giver in self.givers:
            await giver.call("/user/updateBalance", balance=COINS, secret=signature)
        gifts: list[dict[str, Any]] = (await self.receiver.call("/gifts")).data["gifts"]
        self.gift, self.price = gifts[0]["_id"], gifts[0]["price"]
        self.acknowledged: list[str] = []

    async def give_until(self, giver: Person, name: str, stopped: list[bool]) -> None:
        """Give one gift after the other, whatever happens to the daemon."""
        n = 0
        while not stopped:
            n += 1
            text = f"{name} {n}"
            try:
                answer = await giver.call("/gifts/send", gift=self.gift, user=self.receiver.id, text=text)
            except Exception:  # the daemon is gone, and will be back
                await deferLater(reactor, 0.05)
                continue
            if answer.status == 200:
                self.acknowledged.append(text)
            else:
                self.assertEqual(503, answer.status)
                await deferLater(reactor, 0.05)

    async def assert_adds_up(self) -> None:
        """Every acknowledged gift is there once, and every missing coin has bought one."""
        shown = await self.receiver.shown()
        texts = [gift["text"] for gift in shown["gifts"]]
        self.assertEqual(len(texts), len(set(texts)))
        self.assertEqual(set(), set(self.acknowledged) - set(texts))
        for giver in self.givers:
            given = sum(gift["author"] == giver.id for gift in shown["gifts"])
            self.assertEqual(COINS - given * self.price, (await giver.shown())["balance"])

    async def run_rounds(self, crash: Any) -> None:
        for round in range(2):
            stopped: list[bool] = []
            giving = [
                ensureDeferred(self.give_until(giver, f"{round} {index} {lane}", stopped))
                for index, giver in enumerate(self.givers)
                for lane in range(2)
            ]
            before = len(self.acknowledged)
            await eventually(lambda before=before: len(self.acknowledged) > before + 20, "gifts to be given")
            await crash()
            stopped.append(True)
            await gatherResults(giving)
            await eventually(lambda: not self.unfinished(), "every transfer to be finished", 60)
            await self.assert_adds_up()

    def unfinished(self) -> int:
        """The transfers that were cut off: a round of housekeeping completes them once they are older than 10 s."""
        socket = quote(str(self.daemon.data / "mongo" / "mongod.sock"), safe="")
        with MongoClient[dict[str, Any]](f"mongodb://{socket}") as mongo:
            return mongo["justchat"].ledger.count_documents({"begun": {"$exists": True}})

    async def is_ready(self) -> bool:
        return (await request(self.daemon.http, "GET", "/readyz")).status == 200

    async def test_daemon_killed(self) -> None:
        """After each kill -9 of the daemon while gifts are sent, coins and gifts add up."""

        async def crash() -> None:
            await self.daemon.kill()
            await self.daemon.start()
            for person in (*self.givers, self.receiver):
                person.daemon = self.daemon

        await self.run_rounds(crash)

    async def test_database_killed(self) -> None:
        """After each kill -9 of mongod while gifts are sent, coins and gifts add up."""

        async def crash() -> None:
            pid = self.daemon.mongod_pid()
            os.kill(pid, signal.SIGKILL)
            await eventually(lambda: self.daemon.mongod_pid() not in (0, pid), "another mongod")
            await eventually(self.is_ready, "the daemon to be ready")

        await self.run_rounds(crash)
