"""Several daemons on one database, and their faults in a fault run."""

import contextlib  # a global "suppress" would be a setting of trial's
import random

from pymongo.errors import PyMongoError
from twisted.internet.threads import deferToThread

from tests.support.daemon import Daemon
from tests.support.fault_worlds import NAME, Fault, SomeDaemons
from tests.support.fleet_bus import FleetBus
from tests.support.next_release import copy_next_release
from tests.support.operators_mongod import OperatorsMongod
from tests.support.replica_set import ReplicaSet
from tests.support.waiting import at_once


class Fleet(SomeDaemons):
    """Several daemons on one database: a node, or a ``replicated`` one, whose primary is lost."""

    def __init__(self, chance: random.Random, daemons: int, *, replicated: bool, with_bus: bool) -> None:
        super().__init__(chance)
        self.number = daemons
        self.bus = FleetBus(chance, daemons, self.a_while) if with_bus else None
        self.database: ReplicaSet | OperatorsMongod = ReplicaSet() if replicated else OperatorsMongod(self.folder)

    @property
    def uri(self) -> str:
        return self.database.uri(NAME)

    async def start(self) -> None:
        await self.database.start()
        for number in range(self.number):
            self.a_daemon("--mongo", self.uri, *(["--bus", self.bus.uri(number)] if self.bus else []))
        await at_once(daemon.start() for daemon in self.daemons)
        for number, daemon in enumerate(self.daemons):
            self.faults += self._faults_of(daemon, f"daemon {number}")
        if isinstance(self.database, ReplicaSet):
            self.faults += self._faults_of_set(self.database)
        else:
            self.faults += self._faults_of_node(self.database)
        if self.bus:
            self.faults += self.bus.faults
            next_release = str(copy_next_release(self.folder))
            targets = tuple(f"daemon {number}" for number in range(self.number))
            self.faults.append(
                Fault("rolling restart with the next release", 2, targets, lambda: self.roll(next_release))
            )

    async def end_others(self) -> None:
        self.database.end()
        if self.bus:
            await self.bus.end()

    async def roll(self, release: str) -> None:
        """Restart one daemon after the other with another release; the next time with the first one again."""
        for daemon in self.daemons:
            daemon.is_forked = daemon.environ.pop("PYTHONPATH", None) is not None
            if not daemon.is_forked:
                daemon.environ["PYTHONPATH"] = release
            await self.restart(daemon)
            await self.a_while(0, 1)

    def _faults_of(self, daemon: Daemon, target: str) -> list[Fault]:
        return [
            Fault("daemon killed", 2, (target,), lambda: self.kill(daemon)),
            Fault("daemon killed between commit and publish", 3, (target,), lambda: self.kill_unpublished(daemon)),
            Fault("daemon stopped a while", 2, (target,), lambda: self.stop_a_while(daemon)),
            Fault("daemon restarted", 2, (target,), lambda: self.restart(daemon)),
        ]

    def _faults_of_node(self, node: OperatorsMongod) -> list[Fault]:
        async def kill() -> None:
            node.end()
            await self.a_while(0, 1)
            await node.restart()

        return [
            Fault("database killed", 2, ("database",), kill),
            Fault("database stopped a while", 2, ("database",), lambda: self.pause_a_while(node.pid)),
        ]

    def _faults_of_set(self, nodes: ReplicaSet) -> list[Fault]:
        async def kill() -> None:
            primary = await nodes.primary()
            primary.end()
            await self.a_while(0, 4)
            await primary.restart()

        async def stop() -> None:
            await self.pause_a_while((await nodes.primary()).pid)

        async def step_down() -> None:
            await nodes.primary()
            command = {"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 1}
            with contextlib.suppress(PyMongoError):  # no other node can take over, or the answer is lost
                await deferToThread(nodes.mongo.admin.command, command)

        return [
            Fault("primary killed", 2, ("database",), kill),
            Fault("primary stopped a while", 1, ("database",), stop),
            Fault("primary stepped down", 2, ("database",), step_down),
        ]
