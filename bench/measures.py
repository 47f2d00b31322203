"""What is measured: a round of a measure gives the figures of each server that takes part."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from threading import Thread

from bench import plans, several
from bench.daemon import Daemon
from bench.generator import ONE_BY_ONE, Plan, limit, run, syscalls
from bench.server import Missing, Server
from bench.shares import SHARE, shares
from bench.stage import Stage
from bench.world import seed

Figures = dict[str, float]
Round = dict[str, Figures]
MANY = 10_000
CROWD_RATE, CROWD_WARM_UP = 2, 5
PACED = 20
"""Events a second, with pauses between them: the cost of an event includes cold caches."""
SIGN_UPS = 10
"""A second; a key is hashed for each, and takes a quarter of a core."""
SHORT_TURNS = 3
"""Of a comparison of two daemons that differ by little."""
SCRAPES = 20
MODERATE = 1_500
"""Messages a second: they take half a core, with pauses between them."""


@dataclass(frozen=True)
class Measure:
    """``most`` rounds are enough where a round takes long."""

    name: str
    title: str
    round: Callable[[Stage, float], Round]
    most: int = 1000


def _three(stage: Stage) -> dict[str, Server]:
    return {"looked_up": stage.node("looked_up"), "memory": stage.node("memory"), "ours": stage.ours()}


def send(stage: Stage, seconds: float) -> Round:
    return {name: run(server, plans.quiet(), seconds, connections=32) for name, server in _three(stage).items()}


def room_100(stage: Stage, seconds: float) -> Round:
    """Maximum rate of each server; then the daemon at the rate that the peer with memory reached."""
    done = {name: run(server, plans.room(100), seconds, connections=32) for name, server in _three(stage).items()}
    done["ours at its rate"] = run(
        stage.ours(), plans.room(100), seconds, connections=32, rate=done["memory"]["requests"]
    )
    return done


def one_event(stage: Stage, seconds: float) -> Round:
    """Events back to back, and paced. The limit sends frames of the same size."""
    done = _one_by_one(stage, seconds)
    done["limit"] = limit(seconds, 1000, round(done["ours"]["frame_bytes"]))
    return done


def socket_io(stage: Stage, seconds: float) -> Round:
    """The same among Socket.IO clients, of the daemon and of the reference server."""
    return _one_by_one(stage, seconds, protocol="io")


def _one_by_one(stage: Stage, seconds: float, protocol: str | None = None) -> Round:
    plan, done = plans.room(1000), {}
    for name, server in {"memory": stage.node("memory"), "ours": stage.ours()}.items():
        done[name] = run(server, plan, seconds, connections=1, rate=ONE_BY_ONE, protocol=protocol)
        done[f"{name} paced"] = run(server, plan, seconds, rate=PACED, protocol=protocol)
    return done


def crowd(stage: Stage, seconds: float) -> Round:
    """Ten thousand sockets in new processes: their memory, and an event to all of them. The processes are not warmed up
    before: the sockets would reuse the memory that this leaves, at no visible cost.
    """
    done: Round = {}
    with stage.fresh_node("memory", warm=False) as node:
        done["memory"] = _crowd(node, seconds)
    with Daemon(seed) as daemon:
        done["ours"] = _crowd(daemon, seconds)
    return done


def _crowd(server: Server, seconds: float) -> Figures:
    empty, held = server.resident(), 0

    def weigh() -> None:
        nonlocal held
        time.sleep(2)
        held = server.resident()

    plan, seconds = plans.room(MANY), max(seconds, 4)
    figures = run(server, plan, seconds, connections=1, rate=ONE_BY_ONE, warm_up=CROWD_WARM_UP, connected=weigh)
    return {**figures, "kib_per_socket": (held - empty) / MANY / 1024}


def count_syscalls(stage: Stage, seconds: float) -> Round:
    if shutil.which("strace") is None:
        raise Missing("strace is not installed")
    return {
        "ours alone": syscalls(stage.ours(), plans.room(1000), seconds, rate=PACED / 4),
        "ours under load": syscalls(stage.ours(), plans.room(100), seconds, connections=32),
    }


def many_rooms(stage: Stage, seconds: float) -> Round:
    servers = {"memory": stage.node("memory"), "ours": stage.ours()}
    return {name: run(server, plans.rooms(), seconds, connections=500) for name, server in servers.items()}


def direct(stage: Stage, seconds: float) -> Round:
    servers = {"memory": stage.node("memory"), "ours": stage.ours()}
    return {name: run(server, plans.direct(), seconds, connections=32) for name, server in servers.items()}


def _reading(plan: Callable[[], Plan]) -> Callable[[Stage, float], Round]:
    def read(stage: Stage, seconds: float) -> Round:
        servers = {"memory": stage.archivist(), "ours": stage.archive()}
        return {name: run(server, plan(), seconds, connections=8) for name, server in servers.items()}

    return read


def sign_ups(stage: Stage, seconds: float) -> Round:
    """Messages, without and with people who sign in meanwhile."""
    seconds = max(seconds, 5)  # a single slow write of the disk must not be a hundredth of all messages
    return {
        "ours calm": run(stage.ours(), plans.quiet(), seconds, connections=32, rate=MODERATE),
        "ours signing in": _while_signing_in(stage.ours(), seconds),
    }


def _while_signing_in(daemon: Daemon, seconds: float) -> Figures:
    keys = [daemon.sign_up() for _ in range(round(SIGN_UPS * (seconds + 1)))]
    took: list[float] = []

    def sign_in() -> None:
        # The load generator has precedence on this core, or messages would wait for the work of this process.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        began = time.monotonic()
        for place, (phone, key) in enumerate(keys):
            time.sleep(max(0.0, began + place / SIGN_UPS - time.monotonic()))
            before = time.monotonic()
            daemon.call("/init/auth", phone=phone, key=key)
            took.append(time.monotonic() - before)

    thread = Thread(target=sign_in)
    try:
        figures = run(daemon, plans.quiet(), seconds, connections=32, rate=MODERATE, connected=thread.start)
    finally:
        if thread.ident is not None:
            thread.join()
    return {**figures, "sign_in_ms": sum(took) / len(took) * 1000}


def stalls(stage: Stage, seconds: float) -> Round:
    """Reactor turns over 20 ms, under every load. The detector has a cost, so it has its own daemon."""
    loads = [(plans.quiet(), 32), (plans.room(100), 32), (plans.rooms(), 500), (plans.direct(), 32)]
    with Daemon(seed, watched=True) as daemon:
        for plan, connections in loads:
            run(daemon, plan, seconds, connections=connections)
        run(daemon, plans.room(MANY), max(seconds, 4), rate=CROWD_RATE)
        daemon.stop()
        for line in daemon.stalls:
            print(line, file=sys.stderr)
        return {"ours": {"long_turns": len(daemon.stalls)}}


def metrics(stage: Stage, seconds: float) -> Round:
    """A daemon without ``[metrics]``, and one with it, in turn; and a scrape of that, which nobody else waits for."""
    done: dict[str, list[Figures]] = {"ours without": [], "ours": []}
    for _ in range(SHORT_TURNS):
        done["ours without"].append(run(stage.ours(), plans.quiet(), seconds, connections=32))
        done["ours"].append(run(stage.scraped(), plans.quiet(), seconds, connections=32))
        used = stage.scraped().cpu_seconds()
        for _ in range(SCRAPES):
            stage.scraped().scrape()
        done["ours"][-1]["scrape_ms"] = (stage.scraped().cpu_seconds() - used) / SCRAPES * 1000
    return {name: {key: median(each[key] for each in those) for key in those[0]} for name, those in done.items()}


def cold_start(stage: Stage, seconds: float) -> Round:
    stage.forget_archivist()
    done: Round = {}
    for name, daemon in {"ours empty": stage.empty(), "ours": stage.archive()}.items():
        daemon.stop()
        daemon.start()
        time.sleep(1)
        done[name] = {"ready_s": daemon.ready_s, "mib": daemon.resident() / 2**20}
    return done


MEASURES = [
    Measure("send", "/room/sendMessage, 32 connections, empty room", send),
    Measure("room", "the same with 100 sockets in the room", room_100),
    Measure("event", "one event to 1,000 sockets, one frame per send", one_event),
    Measure("socketio", "one event to 1,000 clients of Socket.IO", socket_io, most=3),
    Measure("crowd", "10,000 sockets", crowd, most=3),
    Measure("syscalls", "system calls per delivery", count_syscalls, most=2),
    Measure("rooms", "500 rooms of 20 sockets, every room speaking", many_rooms, most=3),
    Measure("direct", "/user/sendMessage, the receiver listening", direct),
    Measure("chat", "/room/chat of 100 among 1,000,000 messages", _reading(plans.chat)),
    Measure("list", "/room/get of 40 among 100,000 rooms", _reading(plans.rooms_list)),
    Measure("dialogs", "/user/dialogs of 50 among 100,000 messages", _reading(plans.dialogs)),
    Measure("stalls", "turns of the reactor over 20 ms, under each of these loads", stalls, most=1),
    Measure("sign-ups", "messages while people sign in", sign_ups),
    Measure("metrics", "/room/sendMessage with [metrics], beside a daemon without", metrics),
    Measure("start", "cold start with 1,000,000 messages and 100,000 rooms", cold_start, most=3),
    Measure("members", "a room of 10,000 people of whom ten listen, beside one of ten", several.members),
    Measure("workers", "two workers, beside one daemon and two processes of Node", several.workers, most=3),
    Measure("shares", f"one daemon and more workers, each process on {SHARE:g} of a core", shares, most=2),
    Measure("daemons", "200 rooms, 2,000 messages a second, through two daemons", several.daemons, most=3),
    Measure("across", "one sender and one listener, at one daemon or two, 50 messages a second", several.across),
    Measure("one room", "one room, 50 messages a second, through one daemon or four", several.one_room),
]
