"""A fault run: users talk, pay, move and moderate while daemons, database, bus and sockets are killed, stopped and cut.

Each user keeps a journal of what was acknowledged and refused. At the end all users reconnect, and the journals, what
each socket received and what each daemon shows are held against the log.
"""

import random
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from tests.support.app import Client
from tests.support.chat import a_person, a_room
from tests.support.fault_check import Check
from tests.support.fault_load import Actor, Admin, Talker, Walker
from tests.support.fault_worlds import Fault, SomeDaemons
from tests.support.log_replay import LogReplay

TALKERS, WALKERS = 4, 3
"""With the admin, fewer than the reactor has threads."""
CHANGES = (
    "enter",
    "leave",
    "kick",
    "ban",
    "unban",
    "silence",
    "unsilence",
    "add-moderator",
    "remove-moderator",
    "edit",
)
SOCKET_CUT = 10
"""How often a socket is cut, as a fault's weight."""
PATIENCE = 60.0
"""Seconds until everything agrees again: what a dead daemon left unfinished, another completes after some rounds."""


class FaultRun:
    """One run. ``table`` has the faults and the findings, ``wrong`` the findings that must not occur, in full."""

    def __init__(self, world: SomeDaemons, seconds: float, seed: int) -> None:
        self.world = world
        self.seconds = seconds
        self.chance = world.chance
        self.done: Counter[str] = Counter()
        self.table: list[tuple[str, object]] = [("seed", seed), ("seconds", round(seconds))]
        self.wrong: list[str] = []
        self._broken: dict[str, Deferred[None]] = {}
        self._faults: list[str] = []
        """When each fault began and ended."""
        self._logs: list[str] = []

    @property
    def report(self) -> str:
        """The table; and where something was wrong, what, when the faults were, and what the daemons logged."""
        lines = [f"{what:45} {number!s:>10}" for what, number in self.table]
        if self.wrong:
            lines += ["faults:", *self._faults, *self._logs, *(f"WRONG: {what}" for what in self.wrong)]
        return "\n".join(lines)

    async def go(self) -> None:
        try:
            await self.world.start()
            check = await self._begin()
            threads = [deferToThread(actor.run) for actor in check.actors]
            try:
                await self._break_things(check)
            finally:
                for actor in check.actors:
                    actor.enough.set()
                await gatherResults([*threads, *self._broken.values()], consumeErrors=True)
            await self._check(check)
            for member in check.members:
                await member.part()
        finally:
            await self.world.end()

    async def _begin(self) -> Check:
        """Users, two rooms, and a socket each."""
        people = [await a_person(self.world.daemons[0]) for _ in range(TALKERS + WALKERS + 1)]
        talkers, walkers, admin = people[:TALKERS], people[TALKERS:-1], people[-1]
        rooms = [await a_room(admin, admin, *talkers), await a_room(admin)]
        gift = (await admin.call("/gifts")).data["gifts"][0]

        def port(chance: random.Random) -> int:
            http: int = chance.choice(self.world.daemons).http
            return http

        def chance() -> random.Random:
            return random.Random(self.chance.random())

        actors: list[Actor] = [
            Talker(
                person, port, chance(), room=rooms[0], friend=talkers[n + 1 - TALKERS], fan=talkers[n - 1], gift=gift
            )
            for n, person in enumerate(talkers)
        ]
        actors += [Walker(person, port, chance(), rooms=rooms) for person in walkers]
        actors.append(Admin(admin, port, chance(), rooms=rooms, others=walkers, uri=self.world.uri))
        members = [Client(person) for person in people]
        for member in members:
            await self._come_back(member)
        return Check(self.world.uri, self.world.asked, actors, members, rooms, admin)

    async def _break_things(self, check: Check) -> None:
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            await deferLater(reactor, self.chance.uniform(0.2, 1.5))
            whole = [fault for fault in self.world.faults if not self._broken.keys() & set(fault.targets)]
            (fault,) = self.chance.choices([None, *whole], [SOCKET_CUT, *(fault.weight for fault in whole)])
            if fault is None:
                self.done["socket cut"] += 1
                await self.chance.choice(check.members).part()
            else:
                self._break(fault)
            for member in check.members:
                if not member.online and self.chance.random() < 0.5:
                    await self._come_back(member)

    def _break(self, fault: Fault) -> None:
        self.done[fault.name] += 1
        breaking: Deferred[None] = Deferred()
        self._broken |= dict.fromkeys(fault.targets, breaking)

        async def act() -> None:
            self._note(f"{fault.name}, {fault.targets}")
            try:
                await fault.act()
            finally:
                self._note(f"{fault.name} is over")
                for target in fault.targets:
                    del self._broken[target]

        def failed(failure: Failure) -> None:
            self.wrong.append(f"{fault.name}: {failure.getTraceback()}")

        Deferred.fromCoroutine(act()).addErrback(failed).chainDeferred(breaking)

    def _note(self, what: str) -> None:
        self._faults.append(f"  {datetime.now(UTC):%H:%M:%S.%f} {what}")

    async def _come_back(self, member: Client) -> bool:
        """Reconnect at any daemon."""
        member.person = evolve(member.person, daemon=self.chance.choice(self.world.daemons))
        try:
            await member.come_back()
        except Exception:  # a fault is under way; the next attempt comes later
            return False
        return member.online

    async def _check(self, check: Check) -> None:
        """Wait until everything agrees with the log, and write the table."""
        began = time.monotonic()
        while True:
            late = time.monotonic() - began > PATIENCE
            for member in check.members:
                if not member.online:
                    await self._come_back(member)
            try:
                log, found = await check.find()
                if late or not any(found.values()):
                    break
            except Exception:  # a daemon may still be starting
                if late:
                    self.wrong.append(f"a daemon does not answer after {PATIENCE:g} s: {Failure().getTraceback()}")
                    self._logs = self.world.latest_lines()
                    return
            await deferLater(reactor, 1)
        self._found(check, log)
        found["incidents in a daemon's log"] = self.world.incidents()
        for what, each in found.items():
            self.table.append((what, len(each)))
            self.wrong += [f"{what}: {one}" for one in each[:5]]
        if self.wrong:
            self._logs = self.world.latest_lines()
        self.table.append(("longest time without an acknowledgement, s", round(_longest(check.actors), 1)))
        self.table.append(("time until all agreed, s", round(time.monotonic() - began, 1)))

    def _found(self, check: Check, log: LogReplay) -> None:
        for what in ("message", "direct", "gift", "payment", "read", "remove", "block", "unblock", "edit", "decide"):
            actions = check.actions(what)
            self.table.append((f"{what}: acknowledged", sum(action.is_acknowledged for action in actions)))
            if what in ("message", "direct"):
                self.table.append((f"{what}: refused", sum(action.is_refused for action in actions)))
        changes = check.actions(*CHANGES)
        self.table.append(("changes of rooms: acknowledged", sum(each.statuses[-1] in (200, 201) for each in changes)))
        self.table.append(("stored, and the answer lost", len(check.unanswered(log))))
        self.table.append(("entries of the log", log.entries))
        self.table.append(("void entries", len(log.void)))
        self.table.append(("of these, received before", len(check.withdrawn(log))))
        self.table += sorted(self.done.items())


def _longest(actors: Sequence[Actor]) -> float:
    return max(actor.longest for actor in actors if isinstance(actor, Talker))
