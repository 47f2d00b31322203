"""A replica set of three that loses its primary under load: acknowledged messages stay."""

import shutil
import tempfile
import time
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.support.client import Listener
from tests.support.crashes import CrashCase
from tests.support.daemon import Daemon
from tests.support.operators_mongod import OperatorsMongod
from tests.support.waiting import assert_within, eventually

ELECTION = 2000
"""Milliseconds after which a primary that is silent is replaced; MongoDB's default is 10,000."""
PATIENCE = 40.0


class PrimaryLost(CrashCase):
    async def setUp(self) -> None:
        self._logged = 0
        self._listeners: list[Listener] = []
        self.folder = Path(tempfile.mkdtemp(prefix="jc-"))
        self.nodes = []
        for name in "abc":
            (self.folder / name).mkdir()
            self.nodes.append(await OperatorsMongod(self.folder / name, "--replSet", "rs").start())
        hosts = [f"127.0.0.1:{node.port}" for node in self.nodes]
        members = [{"_id": number, "host": host} for number, host in enumerate(hosts)]
        first = MongoClient[dict[str, object]](hosts[0], directConnection=True)
        first.admin.command(
            {
                "replSetInitiate": {
                    "_id": "rs",
                    "members": members,
                    "settings": {"electionTimeoutMillis": ELECTION, "heartbeatIntervalMillis": 500},
                }
            }
        )
        first.close()
        self.mongo = MongoClient[dict[str, object]](f"mongodb://{','.join(hosts)}/?replicaSet=rs")
        await self.primary()
        self.daemon = await Daemon("--mongo", f"mongodb://{','.join(hosts)}/justchat?replicaSet=rs").start()

    async def tearDown(self) -> None:
        try:
            await super().tearDown()
        finally:
            self.mongo.close()
            for node in self.nodes:
                assert node.process is not None
                node.process.kill()
                node.process.wait()
            shutil.rmtree(self.folder, ignore_errors=True)

    async def primary(self) -> OperatorsMongod:
        """The present primary."""

        def found() -> OperatorsMongod | None:
            try:
                port = str(self.mongo.admin.command("hello").get("primary")).rpartition(":")[2]
            except PyMongoError:
                return None
            return next((node for node in self.nodes if str(node.port) == port), None)

        primary = await eventually(found, "a primary", PATIENCE)
        assert primary is not None
        return primary

    async def test_killed(self) -> None:
        """The next primary is found soon, and every acknowledged message is there, once and in order."""
        await self.talk()
        primary = await self.primary()
        assert primary.process is not None

        primary.process.kill()
        primary.process.wait()
        began = last = time.monotonic()
        longest, seen, wanted = 0.0, len(self.crowd.said), len(self.crowd.said) + 300
        while len(self.crowd.said) < wanted and time.monotonic() - began < PATIENCE:
            await deferLater(reactor, 0.01)
            if len(self.crowd.said) > seen:
                seen, last = len(self.crowd.said), time.monotonic()
            longest = max(longest, time.monotonic() - last)
        await self.crowd.end()

        print(f"longest time without an acknowledged write: {longest:.1f} s")
        self.assertGreaterEqual(len(self.crowd.said), wanted)
        assert_within(15, longest)
        self.assertLessEqual({outcome.status for outcome in self.crowd.refused}, {503})
        await self.check_kept()
