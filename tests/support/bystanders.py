"""Bystanders: users of a daemon under attack who attack nothing. They measure how long calls take, and which fail.

They run in a process of their own, so that an attack by the test's process does not slow their clocks. They call from
addresses of their own, 127.1.0.1 and on, so that the attacker's limits by address are not theirs. A call's time counts
from the moment when it was due, not from when it could be sent. So every call of a second in which the daemon stands
still shows it.

They call only while they are measured. Between two tests they would only keep the machine busy.

Beside the calls they measure the machine: how long a short sleep and a write to the disk take, without the daemon.
Where other work keeps the machine busy, the bounds count from that.

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
from tempfile import TemporaryFile
from typing import Any

from attrs import asdict, define, field, frozen
from PIL import Image
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThread

from tests.support.chat import a_person, a_room
from tests.support.daemon import Daemon
from tests.support.waiting import slowness

LARGE = bool(os.environ.get("JUSTCHAT_ATTACK"))
"""Whether ``make attack`` runs: large forms of each attack, and the strict bounds."""
PEOPLE = 3
A_SECOND = {"send": 10.0, "history": 5.0, "dialogs": 5.0, "sign in": 1.0, "upload": 0.5}
"""Calls of each kind that one bystander makes in a second."""
TIMES, MOST = 5, 0.25
"""Bounds of the 99th percentile under attack: as a multiple of that without, and in seconds."""
SHORTEST = 0.02
"""Seconds. Faster calls without an attack count as this, so that a busy machine does not decide."""
LENIENT = 1.0
"""Seconds that the 99th percentile may take on a machine that has other work, as CI's."""
WAITS = 10
"""Waits for the processor or the disk that a call has, one after another, at most."""
LOOK_EVERY = 0.05
"""Seconds between two measurements of the machine."""
BACK = 2.0 if LARGE else 8.0
"""Seconds after the end of a fault in which everybody is served again; more where the machine has other work."""
KEPT = 64 * 2**20
"""Bytes of memory that may stay in use after an attack: what the allocator keeps for the next one."""


@frozen
class Times:
    """The calls of one kind: their number, and the median, 99th percentile and maximum of their times in seconds."""

    count: int
    p50: float
    p99: float
    longest: float


@frozen
class Measured:
    """A measured span: the times of each kind of call, the calls that failed, and the daemon's memory in bytes."""

    calls: dict[str, Times]
    failed: dict[str, int]
    """Numbers of failed calls by kind and status, as ``send 503``. Status 0: the connection broke, or no answer came in
    ten seconds.
    """
    memory_before: int
    memory_peak: int
    memory_after: int
    machine: Times
    """How long a sleep of LOOK_EVERY took longer than it should, together with a write to the disk."""

    @property
    def worst(self) -> tuple[str, Times]:
        """The kind of call with the largest 99th percentile."""
        return max(self.calls.items(), key=lambda item: item[1].p99)


def harm(
    quiet: Measured,
    attacked: Measured,
    *,
    strict: bool = LARGE,
    rise: float = TIMES,
    kept: int = KEPT,
    name: str | None = None,
) -> list[str]:
    """What exceeded the bounds during an attack. ``make attack`` prints the row as ``name``.

    With ``strict`` the 99th percentile may be ``rise`` times the quiet one. Without it a call may take TIMES as long,
    or as long as its waits do without the daemon, and as much more as work takes longer on a busy machine.
    """
    note_row(name, quiet, attacked)
    found = [f"{what}: {count}" for what, count in attacked.failed.items()]
    for kind, times in attacked.calls.items():
        # On a busy machine a short quiet time may have none of a rare kind.
        before = max(quiet.calls[kind].p99 if kind in quiet.calls else 0, SHORTEST)
        if strict:
            allowed = min(rise * before, max(MOST, before))
        else:
            allowed = max(TIMES * before, LENIENT, WAITS * attacked.machine.longest)
            if times.p99 > allowed:
                allowed *= slowness()
        if times.p99 > allowed:
            found.append(f"{kind}: p99 {times.p99 * 1000:.0f} ms, {before * 1000:.0f} ms before")
    if attacked.memory_after - attacked.memory_before > kept:
        found.append(f"memory: {(attacked.memory_after - attacked.memory_before) >> 20} MiB more")
    return found


def note_row(name: str | None, quiet: Measured, attacked: Measured) -> None:
    """Record a row of the table that ``make attack`` prints. Its default name is that of the test's method."""
    frames = (frame.function for frame in inspect.stack())
    name = name or next((called for called in frames if called.startswith("test_")), "?")
    _note({"name": name, "quiet": asdict(quiet), "attacked": asdict(attacked)})


def note_fault(name: str, back: float, acknowledged: int, refused: int) -> None:
    """Record the seconds from the end of a fault until everybody was served, and the calls answered meanwhile."""
    _note({"fault": name, "back": back, "acknowledged": acknowledged, "refused": refused})


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
class Bystanders:
    """The process of the bystanders, as the test controls it."""

    daemon: Daemon
    process: "subprocess.Popen[str]"

    async def during(self, doing: Awaitable[Any], *, settle: float = 0.0) -> Measured:
        """Measure while something is done, and the memory again ``settle`` seconds after it."""
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
        machine = Times(**reported["machine"])
        return Measured(calls, reported["failed"], before, peak, memory_of(pid), machine)

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
async def bystanders(daemon: Daemon, a_second: dict[str, float] = A_SECOND) -> AsyncIterator[Bystanders]:
    """Bystanders who send, read, sign in and upload for as long as the block lasts."""
    people = await start_bystanders(daemon, a_second)
    try:
        yield people
    finally:
        people.end()


async def start_bystanders(daemon: Daemon, a_second: dict[str, float] = A_SECOND) -> Bystanders:
    """The same, until ``end()`` or the end of the tests."""
    users = [await a_person(daemon) for _ in range(PEOPLE)]
    # Others sign in, in case a setting limits the sessions of a user.
    others = [await a_person(daemon) for _ in range(PEOPLE)]
    room = await a_room(users[0], *users)
    for person, other in zip(users, others, strict=True):
        await person.call("/user/sendMessage", message={"user": other.id, "text": "hello"})
    plan = {
        "port": daemon.http,
        "room": room,
        "sessions": [person.session_key for person in users],
        "keys": [(other.phone, other.key) for other in others],
        "a_second": a_second,
        "folder": str(daemon.folder),
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
    await deferToThread(process.stdout.readline)  # each of them has called once
    return Bystanders(daemon, process)


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

    def run(self) -> None:
        every = 1 / self.plan["a_second"][self.kind]
        due = time.monotonic() + every * self.number / PEOPLE
        while True:
            if not self.measured.is_set():
                self.measured.wait()
                self._disconnect()  # the daemon may have closed it meanwhile
                due = time.monotonic() + every * self.number / PEOPLE
            time.sleep(max(0.0, due - time.monotonic()))
            status = self.call()
            self.notes.note(self.kind, time.monotonic() - due, status)
            # After a long standstill only the last second is made up for.
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
            self._disconnect()
            return 0

    def _disconnect(self) -> None:
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
    machine: list[float] = field(factory=list)
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
            machine, self.machine = self.machine, []
            failed, self.failed = self.failed, Counter()
        calls = {kind: asdict(_times(found)) for kind, found in sorted(times.items())}
        return {"calls": calls, "failed": failed, "machine": asdict(_times(machine or [0.0]))}


def _times(found: Sequence[float]) -> Times:
    found = sorted(found)
    return Times(len(found), found[len(found) // 2], found[min(len(found) - 1, len(found) * 99 // 100)], found[-1])


def _measure_machine(folder: str, notes: _Notes, measured: threading.Event) -> None:
    with TemporaryFile(dir=folder) as file:
        while measured.wait():
            began = time.monotonic()
            time.sleep(LOOK_EVERY)
            file.seek(0)
            file.write(os.urandom(4096))
            file.flush()
            os.fsync(file.fileno())
            with notes.lock:
                notes.machine.append(time.monotonic() - began - LOOK_EVERY)


def _run() -> None:
    plan, notes, measured = json.loads(sys.stdin.readline()), _Notes(), threading.Event()
    for number in range(PEOPLE):
        for kind in plan["a_second"]:
            caller = _Caller(plan, number, kind, notes, measured)
            caller.call()
            threading.Thread(target=caller.run, daemon=True).start()
    threading.Thread(target=_measure_machine, args=(plan["folder"], notes, measured), daemon=True).start()
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
    _run()
