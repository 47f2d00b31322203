"""A replica set of three nodes of the embedded mongod."""

import shutil
import tempfile
from pathlib import Path

from pymongo import MongoClient

from tests.support.operators_mongod import OperatorsMongod
from tests.support.waiting import eventually

ELECTION = 2000
"""Milliseconds after which a primary that is silent is replaced; MongoDB's default is 10,000."""
PATIENCE = 40.0
"""Seconds that an election may take on a busy machine."""


class ReplicaSet:
    """Three nodes on free TCP ports, until ``end()``. ``mongo`` is a client of pymongo's."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jc-"))
        self.nodes: list[OperatorsMongod] = []
        self.mongo: MongoClient[dict[str, object]]

    async def start(self) -> "ReplicaSet":
        """Returns once it has a primary."""
        for name in "abc":
            (self.folder / name).mkdir()
            self.nodes.append(await OperatorsMongod(self.folder / name, "--replSet", "rs").start())
        members = [{"_id": number, "host": f"127.0.0.1:{node.port}"} for number, node in enumerate(self.nodes)]
        settings = {"electionTimeoutMillis": ELECTION, "heartbeatIntervalMillis": 500}
        first = MongoClient[dict[str, object]]("127.0.0.1", self.nodes[0].port, directConnection=True)
        first.admin.command({"replSetInitiate": {"_id": "rs", "members": members, "settings": settings}})
        first.close()
        self.mongo = MongoClient(self.uri(""))
        await self.primary()
        return self

    def uri(self, database: str) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"mongodb://{hosts}/{database}?replicaSet=rs"

    async def primary(self) -> OperatorsMongod:
        """The present primary, once there is one."""

        def found() -> OperatorsMongod | None:
            address = self.mongo.primary
            return next((node for node in self.nodes if address and node.port == address[1]), None)

        primary = await eventually(found, "a primary", PATIENCE)
        assert primary is not None
        return primary

    def end(self) -> None:
        if hasattr(self, "mongo"):
            self.mongo.close()
        for node in self.nodes:
            node.end()
        shutil.rmtree(self.folder, ignore_errors=True)
