"""`python -m bench.webhooks`: what a webhook costs the calls, and how many leave one daemon.

Two daemons in one run of alternating rounds, of which one has a webhook. Then nobody calls, and the receiver, a process
of its own on the core of the load generator, counts what still arrives in a second.
"""

import argparse
import os
import subprocess
import sys
import time
from base64 import b64encode
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench import plans
from bench.cores import LOAD_CORE, on_core
from bench.daemon import Daemon
from bench.generator import build, run
from bench.world import seed

LOADS = {"one by one": (1, 0.0), "500 a second": (32, 500.0), "as many as it can": (32, 0.0)}
"""By name, the connections and the messages a second (0: no pause)."""


class Receiver:
    """``bench.receiver``."""

    def __init__(self) -> None:
        command = on_core(LOAD_CORE, sys.executable, "-m", "bench.receiver")
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = self._read()

    def _read(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def taken(self) -> int:
        """How many it has taken."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def settings(self) -> str:
        """The settings of a webhook to it."""
        secret = b64encode(bytes(24)).decode()
        return (
            f'[[webhooks]]\nurl = "http://127.0.0.1:{self.port}/"\nsecret = "{secret}"\n'
            'events = ["message.new"]\nallow_private = true\n'
        )


def used(daemon: Daemon) -> float:
    """Seconds of the processor that a daemon has used."""
    assert daemon.process is not None
    fields = Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def leaving(receiver: Receiver, daemon: Daemon) -> tuple[float, float]:
    """Webhooks in a second, until no more come; and seconds of the daemon's processor for each."""
    first = before = receiver.taken()
    began = last = time.monotonic()
    before_used, last_used = used(daemon), 0.0
    while time.monotonic() < last + 2:
        time.sleep(0.1)
        now = receiver.taken()
        if now > before:
            before, last, last_used = now, time.monotonic(), used(daemon)
    number = max(before - first, 1)
    return number / max(last - began, 0.1), (last_used - before_used) / number


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.webhooks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    build()
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver())
        daemons = {
            "without": stack.enter_context(Daemon(seed)),
            "with": stack.enter_context(Daemon(seed, settings=receiver.settings)),
        }
        for load, (connections, rate) in LOADS.items():
            done: dict[str, list[dict[str, float]]] = {}
            left: list[tuple[float, float]] = []
            for _ in range(options.rounds):
                for name, daemon in daemons.items():
                    plan = plans.rooms(sockets=0)
                    done.setdefault(name, []).append(
                        run(daemon, plan, options.seconds, connections=connections, rate=rate)
                    )
                left.append(leaving(receiver, daemons["with"]))
            for name, rounds in done.items():
                keys = ("requests", "p50_ms", "p99_ms", "server_us")
                requests, p50, p99, cost = (median(each[key] for each in rounds) for key in keys)
                times = f"p50 {p50:6.2f} ms  p99 {p99:6.2f} ms"
                print(f"{load:<18} {name:<8} {requests:7,.0f}/s  {times}  {cost:4.0f} us of the daemon each")
            ratio = median(w["requests"] / o["requests"] for w, o in zip(done["with"], done["without"], strict=True))
            rate, cost = (median(each) for each in zip(*left, strict=True))
            print(f"{load:<18} {'ratio':<8} {ratio:7.3f}")
            print(f"{load:<18} {'after':<8} {rate:7,.0f} webhooks/s leave, {cost * 1e6:,.0f} us of the daemon each")


main()
