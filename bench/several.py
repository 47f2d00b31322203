"""Measures of several processes: workers beside two processes of the peer, and daemons that Redis joins.

Nothing is pinned here. Processes that are compared share all cores with the load generator, the database and Redis.
"""

from collections.abc import Callable, Sequence

from bench import plans
from bench.generator import ONE_BY_ONE, Plan, run
from bench.redis import is_installed
from bench.server import Missing, Server, Together
from bench.stage import Stage
from bench.world import DWELLERS, LARGE_ROOMS

Figures = dict[str, float]
Round = dict[str, Figures]
CROWD = 10_000
MANY = 250
"""Rooms, or people who are written to, each by one connection: enough that several processes find much to do in each
turn, as one does.
"""
LOADS: dict[str, tuple[Callable[[], Plan], int, float]] = {
    "send": (lambda: plans.rooms(MANY, sockets=0), MANY, 0),
    "event": (lambda: plans.room(1000), 1, ONE_BY_ONE),
    "rooms": (plans.rooms, 500, 0),
    "direct": (lambda: plans.direct(DWELLERS[:MANY], DWELLERS[MANY : 2 * MANY]), MANY, 0),
    "crowd": (lambda: plans.room(CROWD), 1, ONE_BY_ONE),
    "one room": (lambda: plans.room(100), 128, 0),
}
"""The loads under which one daemon fills its core: plan, connections and rate.

In the last of them, both workers write to one room as fast as they can, and each finds that the other was first.
"""
PACED_ROOMS = 1_000
"""Messages a second into all rooms of 20."""
SHARED_ROOMS, SHARED_RATE = 200, 2_000
"""Rooms into which all daemons write, and messages a second."""
ROOM_RATE = 50
"""Messages a second into one room."""
FOUR = 4


def workers(stage: Stage, seconds: float) -> Round:
    """Each load on two processes of the peer, one daemon, and one daemon of two workers."""
    need_redis()
    nodes = stage.nodes()
    ours: dict[str, Server] = {"one daemon": stage.one(), "workers": stage.workers()}
    done: Round = {}
    for load, (plan, connections, rate) in LOADS.items():
        done[f"two Node, {load}"] = run(
            nodes, plans.spread(plan(), nodes.servers), seconds, connections=connections, rate=rate
        )
        for name, server in ours.items():
            done[f"{name}, {load}"] = run(server, plan(), seconds, connections=connections, rate=rate)
    for name, server in ours.items():
        done[f"{name}, rooms paced"] = run(server, plans.rooms(), max(seconds, 3), connections=500, rate=PACED_ROOMS)
    return done


def daemons(stage: Stage, seconds: float) -> Round:
    """One daemon, two that Redis joins, and the two while it is away."""
    need_redis()
    seconds = max(seconds, 4)
    one, two, redis = stage.one(), stage.joined(2), stage.redis("bus")

    def load(servers: Sequence[Server]) -> Figures:
        plan = plans.everywhere(SHARED_ROOMS, servers, servers)
        return run(Together(servers), plan, seconds, connections=SHARED_ROOMS * len(servers), rate=SHARED_RATE)

    done = {"one daemon": load([one])}
    before = redis.cpu_seconds()
    done["two daemons"] = load(two)
    used = redis.cpu_seconds() - before
    done["Redis"] = {"server_us": used / done["two daemons"]["answered"] * 1e6}
    before = redis.cpu_seconds()
    done["two daemons, at full load"] = run(Together(two), plans.spread(plans.rooms(), two), seconds, connections=500)
    used = redis.cpu_seconds() - before
    done["Redis, at full load"] = {"server_us": used / done["two daemons, at full load"]["answered"] * 1e6}
    with redis.away():
        done["two daemons, bus away"] = load(two)
    return done


def across(stage: Stage, seconds: float) -> Round:
    """A message is sent through the first of two daemons; who listens is at the same, or at the other."""
    need_redis()
    here, there = stage.joined(2)
    both = Together([here, there])
    done = {
        name: run(both, plans.everywhere(1, [here], [listening]), max(seconds, 3), rate=ROOM_RATE)
        for name, listening in {"same daemon": here, "another daemon": there}.items()
    }
    beyond = done["another daemon"]["p50_ms"] - done["same daemon"]["p50_ms"]
    return {**done, "difference": {"p50_ms": beyond}}


def one_room(stage: Stage, seconds: float) -> Round:
    """One room, into which one daemon writes, or four in turn; four sockets listen."""
    need_redis()
    one, four = [stage.one()] * FOUR, stage.joined(FOUR)
    return {
        name: run(
            Together(servers), plans.everywhere(1, servers, servers), max(seconds, 3), connections=FOUR, rate=ROOM_RATE
        )
        for name, servers in {"one daemon": one, "four daemons": four}.items()
    }


def members(stage: Stage, seconds: float) -> Round:
    """Messages to a room of ten people, and to one of ten thousand of whom ten are connected."""
    return {
        f"{number:,} people": run(stage.large(), plans.members(number), seconds, connections=8)
        for number in LARGE_ROOMS
    }


def need_redis() -> None:
    """Raises Missing unless there is a Redis."""
    if not is_installed():
        raise Missing("redis-server is not installed")
