"""The targets: one row of the table each."""

from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Target:
    """``figure`` of ``ours``, over that of ``peer`` in the same round where there is one; the median of the rounds."""

    measure: str
    label: str
    figure: str
    bound: float
    peer: str | None = None
    ours: str = "ours"
    at_least: bool = True

    def value(self, rounds: list[dict[str, dict[str, float]]]) -> float:
        return median(self._of(each) for each in rounds)

    def _of(self, each: dict[str, dict[str, float]]) -> float:
        own = each[self.ours][self.figure]
        return own if self.peer is None else own / (each[self.peer][self.figure] or float("inf"))

    def met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    @property
    def wanted(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.bound:g}"


AT_MOST: dict[str, Any] = {"at_least": False}
DELIVERED = {
    "send": "requests",
    "event": "deliveries",
    "rooms": "deliveries",
    "direct": "deliveries",
    "crowd": "deliveries",
    "one room": "deliveries",
}
"""By load of "workers" and "shares": what counts."""
TARGETS = [
    Target("send", "requests/s, Node looked up = 1", "requests", 10, "looked_up"),
    Target("send", "requests/s, Node with memory = 1", "requests", 5, "memory"),
    Target("room", "deliveries/s, Node looked up = 1", "deliveries", 12, "looked_up"),
    Target("room", "deliveries/s, Node with memory = 1", "deliveries", 7, "memory"),
    Target(
        "room", "p99 at the rate of Node with memory, its own = 1", "p99_ms", 1, "memory", "ours at its rate", False
    ),
    Target("event", "deliveries/s, socket.io = 1", "fan_out", 1.7, "memory"),
    Target("event", "deliveries/s, C = 1", "fan_out", 0.65, "limit"),
    Target(
        "event", "server CPU per delivery, paced, socket.io = 1", "server_us", 0.7, "memory paced", "ours paced", False
    ),
    Target("socketio", "deliveries/s, socket.io = 1", "fan_out", 1, "memory"),
    Target(
        "socketio", "server CPU per delivery, paced, socket.io = 1", "server_us", 1, "memory paced", "ours paced", False
    ),
    Target("crowd", "deliveries/s, socket.io = 1", "fan_out", 2, "memory"),
    Target("crowd", "slowest delivery, median = 1", "slowest_over_median", 2, **AT_MOST),
    Target("crowd", "memory per idle socket, socket.io = 1", "kib_per_socket", 0.6, "memory", **AT_MOST),
    Target("syscalls", "one event at a time", "syscalls", 1.05, ours="ours alone", **AT_MOST),
    Target("syscalls", "under load", "syscalls", 0.2, ours="ours under load", **AT_MOST),
    Target("rooms", "deliveries/s, Node with memory = 1", "deliveries", 5, "memory"),
    Target("direct", "requests/s, Node with memory = 1", "requests", 5, "memory"),
    Target("chat", "requests/s, Node = 1", "requests", 2, "memory"),
    Target("list", "requests/s, Node = 1", "requests", 2, "memory"),
    Target("dialogs", "requests/s, Node = 1", "requests", 2, "memory"),
    Target("stalls", "none", "long_turns", 0, **AT_MOST),
    Target("sign-ups", "p99 of messages, without = 1", "p99_ms", 1.5, "ours calm", "ours signing in", **AT_MOST),
    Target("metrics", "requests/s, without = 1", "requests", 0.98, "ours without"),
    Target("metrics", "server CPU per request, without = 1", "server_us", 1.02, "ours without", **AT_MOST),
    Target("start", "seconds until it listens, empty = 1", "ready_s", 2, "ours empty", **AT_MOST),
    Target("start", "memory, empty = 1", "mib", 2, "ours empty", **AT_MOST),
    Target("members", "server CPU, 10 people = 1", "server_us", 1.3, "10 people", "10,000 people", **AT_MOST),
    *(
        Target("workers", f"{load}: {figure}/s, two Node = 1", figure, 2, f"two Node, {load}", f"workers, {load}")
        for load, figure in DELIVERED.items()
    ),
    *(
        Target("workers", f"{load}: {figure}/s, one daemon = 1", figure, 1, f"one daemon, {load}", f"workers, {load}")
        for load, figure in DELIVERED.items()
    ),
    Target(
        "workers",
        "server CPU per delivery, rooms paced, one daemon = 1",
        "server_us",
        1.4,
        "one daemon, rooms paced",
        "workers, rooms paced",
        **AT_MOST,
    ),
    *(
        Target("shares", f"{load}: {figure}/s, two Node = 1", figure, 2, f"two Node, {load}", f"two workers, {load}")
        for load, figure in DELIVERED.items()
    ),
    *(
        Target(
            "shares",
            f"{load}, {name}: {figure}/s, one daemon = 1",
            figure,
            bound,
            f"one daemon, {load}",
            f"{name}, {load}",
        )
        for load, figure in DELIVERED.items()
        for name, bound in {"two workers": 1, "four workers": 1.5}.items()
    ),
    Target("shares", "used of the machine, in its fullest run", "machine_used", 0.95, ours="fullest run", **AT_MOST),
    Target("daemons", "p99 of answers, one daemon = 1", "answer_p99_ms", 6, "one daemon", "two daemons", **AT_MOST),
    Target(
        "daemons",
        "the same with the bus away",
        "answer_p99_ms",
        12,
        "one daemon",
        "two daemons, bus away",
        **AT_MOST,
    ),
    Target("daemons", "CPU of Redis for a message, us", "server_us", 5, ours="Redis, at full load", **AT_MOST),
    Target("across", "p50 beyond that of the same daemon, ms", "p50_ms", 1, ours="difference", **AT_MOST),
    Target("one room", "p50 of answers, one daemon = 1", "answer_p50_ms", 1.5, "one daemon", "four daemons", **AT_MOST),
]
