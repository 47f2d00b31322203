"""Honest users of a daemon under attack: how long their calls take, and which are refused.

They live in a process of their own, so that an attack made by the test's process does not slow their clocks, and
call from addresses of their own, 127.1.0.1 and on, so that limits by address are not theirs. A call's time counts
from the moment it was due, not from when it could be sent: a daemon that stands still for a second is seen by every
call of that second.

They call only while they are measured: between two tests they would keep the machine busy for nothing.

    async with bystanders(self.daemon) as people:
        quiet = await people.during(sleep(2))
        attacked = await people.during(the_attack())
        self.assertEqual([], harm(quiet, attacked))
"""

import inspect
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from http.client import HTTPConnection, HTTPException
from io import BytesIO
from pathlib import Path
from typing import Any

from attrs import asdict, define, field, frozen
from PIL import Image
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThread

from tests.support.chat import a_person, a_room
from tests.support.daemon import Daemon

LARGE = bool(os.environ.get("JUSTCHAT_ATTACK"))
"""Whether ``make attack`` runs: large forms of each attack, and the strict bounds."""
PEOPLE = 3
A_SECOND = {"send": 10.0, "history": 5.0, "dialogs": 5.0, "sign in": 1.0, "upload": 0.5}
"""How often each of them does what."""
TIMES, MOST = 5, 0.25
"""Under attack a call may take so many times as long as without at the 99th percentile, and so many seconds."""
SHORTEST = 0.02
"""Seconds: quiet calls that are faster than this count as this, or a busy test machine would decide."""
LENIENT = 1.0
"""Seconds that the 99th percentile may be on a machine that has other work, as CI's."""
BACK = 2.0 if LARGE else 8.0
"""Seconds after a cause's end in which everybody is served again; more where the machine has other work."""
KEPT = 64 * 2**20
"""Bytes of memory that may stay in use after an attack: what the allocator keeps for the next time."""


@frozen
class Times:
    """Of one kind of call: how many, and the median, 99th percentile and longest, in seconds."""

    count: int
    p50: float
    p99: float
    longest: float


@frozen
class Measured:
    """A span: the times of each kind of call, what was not answered by success, and bytes of memory."""

    calls: dict[str, Times]
    failed: dict[str, int]
    """By kind and status, as ``send 503``; 0 is a connection that broke, or no answer in ten seconds."""
    memory_before: int
    memory_peak: int
    memory_after: int

    @property
    def worst(self) -> tuple[str, Times]:
        """The kind of call with the largest 99th percentile."""
        return max(self.calls.items(), key=lambda item: item[1].p99)


def harm(
    quiet: Measured, attacked: Measured, *, strict: bool = LARGE, kept: int = KEPT, name: str | None = None
) -> list[str]:
    """The harm beyond the bounds that an attack did to others. ``make attack`` shows it as ``name``."""
    note_row(name, quiet, attacked)
    found = [f"{what}: {count}" for what, count in attacked.failed.items()]
    for kind, times in attacked.calls.items():
        # On a busy machine a short quiet time may have none of a rare kind.
        before = max(quiet.calls[kind].p99 if kind in quiet.calls else 0, SHORTEST)
        allowed = min(TIMES * before, max(MOST, before)) if strict else max(TIMES * before, LENIENT)
        if times.p99 > allowed:
            found.append(f"{kind}: p99 {times.p99 * 1000:.0f} ms, {before * 1000:.0f} ms before")
    if attacked.memory_after - attacked.memory_before > kept:
        found.append(f"memory: {(attacked.memory_after - attacked.memory_before) >> 20} MiB more")
    return found


def note_row(name: str | None, quiet: Measured, attacked: Measured) -> None:
    """Notes a row of the table that ``make attack`` prints; without a name it has that of the test's method."""
    frames = (frame.function for frame in inspect.stack())
    name = name or next((called for called in frames if called.startswith("test_")), "?")
    _note({"name": name, "quiet": asdict(quiet), "attacked": asdict(attacked)})


def note_weather(name: str, back: float, acknowledged: int, refused: int) -> None:
    """Notes how long after a cause's end everybody was served, and how many calls were answered meanwhile, and how."""
    _note({"weather": name, "back": back, "acknowledged": acknowledged, "refused": refused})


def _note(row: dict[str, Any]) -> None:
    rows = os.environ.get("JUSTCHAT_ATTACK_ROWS")
    if rows is not None:
        with open(rows, "a") as file:
            file.write(json.dumps(row) + "\n")


def memory_of(pid: int) -> int:
    """Resident bytes of a process and its children, without mongod."""
    total = 0
    with suppress(OSError, ValueError):
        if "mongod" not in Path(f"/proc/{pid}/comm").read_text():
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            for task in Path(f"/proc/{pid}/task").iterdir():
                total += sum(memory_of(int(child)) for child in (task / "children").read_text().split())
    return total


@define
class People:
    """The process of the honest users, as the test controls it."""

    daemon: Daemon
    process: "subprocess.Popen[str]"

    async def during(self, doing: Awaitable[Any], *, settle: float = 0.0) -> Measured:
        """What they met while something was done; memory is looked at again ``settle`` seconds after it."""
        assert self.daemon.process is not None
        pid = self.daemon.process.pid
        self._say("go")
        before = peak = memory_of(pid)

        def look() -> None:
            nonlocal peak
            peak = max(peak, memory_of(pid))

        looking = LoopingCall(look)
        looking.start(0.1)
        try:
            await ensureDeferred(doing)  # type: ignore[arg-type]
            reported = await self._report()
            if settle:
                await deferLater(reactor, settle)
        finally:
            looking.stop()
            self._say("pause")
        calls = {kind: Times(**times) for kind, times in reported["calls"].items()}
        return Measured(calls, reported["failed"], before, peak, memory_of(pid))

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()

    async def _report(self) -> Any:
        """What they measured since "go" or the last report."""
        self._say("report")
        assert self.process.stdout is not None
        return json.loads(await deferToThread(self.process.stdout.readline))

    def _say(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()


@asynccontextmanager
async def bystanders(daemon: Daemon, a_second: dict[str, float] = A_SECOND) -> AsyncIterator[People]:
    """People who talk, read, sign in and upload for as long as the block lasts."""
    people = await start_bystanders(daemon, a_second)
    try:
        yield people
    finally:
        people.end()


async def start_bystanders(daemon: Daemon, a_second: dict[str, float] = A_SECOND) -> People:
    """The same, until ``end()`` or the end of the tests."""
    people = [await a_person(daemon) for _ in range(PEOPLE)]
    # Their sign-ins are another's, should a person have only so many sessions.
    others = [await a_person(daemon) for _ in range(PEOPLE)]
    room = await a_room(people[0], *people)
    for person, other in zip(people, others, strict=True):
        await person.call("/user/sendMessage", message={"user": other.id, "text": "hello"})
    plan = {
        "port": daemon.http,
        "room": room,
        "sessions": [person.session_key for person in people],
        "keys": [(other.phone, other.key) for other in others],
        "a_second": a_second,
    }
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "tests.support.bystanders"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps(plan) + "\n")
    process.stdin.flush()
    await deferToThread(process.stdout.readline)  # every one of them has called once
    return People(daemon, process)


def a_picture() -> bytes:
    """A PNG of some 12 KB."""
    made = BytesIO()
    Image.frombytes("RGB", (64, 64), os.urandom(64 * 64 * 3)).save(made, "PNG")
    return made.getvalue()


@define
class _Caller:
    """One user's calls of one kind, on a separate connection, each when it is due."""

    plan: dict[str, Any]
    number: int
    kind: str
    notes: "_Notes"
    measured: threading.Event
    """Set while calls are made."""
    _connection: HTTPConnection | None = None

    def live(self) -> None:
        every = 1 / self.plan["a_second"][self.kind]
        due = time.monotonic() + every * self.number / PEOPLE
        while True:
            if not self.measured.is_set():
                self.measured.wait()
                self._hang_up()  # the daemon may have closed it meanwhile
                due = time.monotonic() + every * self.number / PEOPLE
            time.sleep(max(0.0, due - time.monotonic()))
            status = self.call()
            self.notes.note(self.kind, time.monotonic() - due, status)
            # After a long standstill nobody makes up for all of it.
            due = max(due + every, time.monotonic() - 1)

    def call(self) -> int:
        path, body, headers = self._request()
        if self._connection is None:
            address = (f"127.1.0.{self.number + 1}", 0)
            self._connection = HTTPConnection("127.0.0.1", self.plan["port"], timeout=10, source_address=address)
        try:
            self._connection.request("POST", path, body, headers)
            response = self._connection.getresponse()
            response.read()
            return response.status
        except (OSError, HTTPException):
            self._hang_up()
            return 0

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _request(self) -> tuple[str, bytes, dict[str, str]]:
        headers = {"Authorization": f"Bearer {self.plan['sessions'][self.number]}"}
        if self.kind == "upload":
            return "/upload", a_picture(), {**headers, "Content-Type": "image/png"}
        phone, key = self.plan["keys"][self.number]
        path, body = {
            "send": ("/room/sendMessage", {"message": {"room_id": self.plan["room"], "text": "tea?"}}),
            "history": ("/room/chat", {"room": self.plan["room"], "skip": -50}),
            "dialogs": ("/user/dialogs", {}),
            "sign in": ("/init/auth", {"phone": phone, "key": key}),
        }[self.kind]
        return path, json.dumps(body).encode(), headers


@define
class _Notes:
    """What the callers measured since the last report."""

    times: dict[str, list[float]] = field(factory=dict)
    failed: Counter[str] = field(factory=Counter)
    lock: threading.Lock = field(factory=threading.Lock)

    def note(self, kind: str, seconds: float, status: int) -> None:
        with self.lock:
            self.times.setdefault(kind, []).append(seconds)
            if status not in (200, 201):
                self.failed[f"{kind} {status}"] += 1

    def report(self) -> dict[str, Any]:
        with self.lock:
            times, self.times = self.times, {}
            failed, self.failed = self.failed, Counter()
        return {"calls": {kind: asdict(_times(found)) for kind, found in sorted(times.items())}, "failed": failed}


def _times(found: Sequence[float]) -> Times:
    found = sorted(found)
    return Times(len(found), found[len(found) // 2], found[min(len(found) - 1, len(found) * 99 // 100)], found[-1])


def _live() -> None:
    plan, notes, measured = json.loads(sys.stdin.readline()), _Notes(), threading.Event()
    for number in range(PEOPLE):
        for kind in plan["a_second"]:
            caller = _Caller(plan, number, kind, notes, measured)
            caller.call()
            threading.Thread(target=caller.live, daemon=True).start()
    print("ready", flush=True)
    for word in sys.stdin:
        match word.strip():
            case "go":
                notes.report()  # forgets what ended after the last report
                measured.set()
            case "pause":
                measured.clear()
            case "report":
                print(json.dumps(notes.report()), flush=True)


if __name__ == "__main__":
    _live()
