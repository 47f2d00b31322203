"""Curves: latency over load, and cost over size."""

from bench import plans
from bench.generator import Plan, run
from bench.server import Failed, Server
from bench.stage import Stage

Curve = list[dict[str, float]]
"""By growing load or size: ``x``, and what was measured there."""
LOADS = (10, 20, 40, 80, 120, 160, 240, 320, 480, 640, 960, 1280, 1920)
"""Messages a second to a room of 100 sockets."""
LATE = 500.0
"""Milliseconds of p99 beyond which the load is not raised further."""
ROOM_SIZES = (1, 10, 100, 1000)
ROOM_RATE = 20
NUMBERS_OF_ROOMS = (1, 10, 100, 500)
ROOMS_RATE = 100
POSITIONS = (100, 10_000, 100_000, 999_000)
"""In a history of a million messages."""
KEPT = ("p50_ms", "p99_ms", "server_us", "requests", "deliveries")


def measure_curves(stage: Stage, seconds: float) -> dict[str, dict[str, Curve]]:
    """By curve and server."""
    peers = {"looked_up": stage.node("looked_up"), "memory": stage.node("memory")}
    ours = stage.ours()
    return {
        "latency": {name: _until_late(server, seconds) for name, server in {**peers, "ours": ours}.items()},
        "room size": {
            "ours": [_point(ours, size, plans.room(size), seconds, rate=ROOM_RATE) for size in ROOM_SIZES],
        },
        "rooms": {
            "ours": [
                _point(ours, number, plans.rooms(number), seconds, rate=ROOMS_RATE) for number in NUMBERS_OF_ROOMS
            ],
        },
        "history": {
            "ours": [_point(stage.archive(), place, plans.chat(place), seconds, connections=1) for place in POSITIONS],
        },
    }


def _until_late(server: Server, seconds: float) -> Curve:
    curve: Curve = []
    for load in LOADS:
        try:
            point = _point(server, load, plans.room(100), seconds, connections=32, rate=load)
        except Failed:
            break
        curve.append(point)
        # It has not kept up, so higher loads would not either.
        if point["p99_ms"] > LATE or point["requests"] < load * 0.9:
            break
    return curve


def _point(
    server: Server, x: float, plan: Plan, seconds: float, *, rate: float = 0, connections: int = 8
) -> dict[str, float]:
    figures = run(server, plan, seconds, rate=rate, connections=connections)
    return {"x": x, **{name: figures[name] for name in KEPT}}
