"""The load generator: how it is built and run."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.cores import LOAD_CORE, SERVER_CORE, on_core
from bench.server import Failed, Server, machine_seconds

HERE = Path(__file__).parent
BIN = HERE / "bin"
ONE_BY_ONE = -1
"""As a rate: an event is sent when the one before has reached everybody. So no two are joined, and the server is never
idle.
"""
CLOCK = "t" + "0" * 20
"""Text of a message: the generator writes its clock over the digits."""


def build() -> None:
    """Compile the load generator and the limit."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("the load generator is written in C: install a compiler (package gcc)")
    BIN.mkdir(exist_ok=True)
    sources = {"load": sorted((HERE / "load").glob("*.c")), "limit": [HERE / "peers" / "limit.c"]}
    for name, files in sources.items():
        done = subprocess.run([compiler, "-O2", "-Wall", "-o", BIN / name, *files], check=False)
        if done.returncode:
            raise SystemExit(f"{name} does not compile here; a compiler with its headers is needed")


@dataclass
class Plan:
    """The listeners and the messages (bench/load/plan.c)."""

    lines: list[str] = field(default_factory=list)

    def group(self) -> None:
        """Start the part of a room, or of a user."""
        self.lines.append("group")

    def at(self, server: Server) -> None:
        """To that server goes what follows, instead of the one that ``run`` is given."""
        self.lines.append(f"server {server.http} {server.websocket}")

    def listen(self, numbered_by: str, count: int, key: str) -> None:
        if count:
            self.lines.append(f"listen {numbered_by} {count} {key}")

    def post(self, path: str, key: str, **body: Any) -> None:
        self.lines.append(f"post {path} {json.dumps({'session_key': key, **body}, separators=(',', ':'))}")


def run(
    server: Server,
    plan: Plan,
    seconds: float,
    *,
    connections: int = 8,
    rate: float = 0,
    warm_up: float = 1,
    connected: Callable[[], None] | None = None,
    protocol: str | None = None,
) -> dict[str, float]:
    """One run: its figures, and what the server and the machine used meanwhile. ``connected`` is called before anything
    is sent.

    ``protocol`` is that of the sockets, where it is not the server's first: the daemon speaks ``io``, too.
    """
    core = LOAD_CORE if server.pinned else None
    command = on_core(core, BIN / "load", "run", server.http, server.websocket, protocol or server.protocol)
    command += map(str, (seconds, warm_up, connections, rate))
    # Its complaint goes into a file: two pipes could block each other.
    with (
        tempfile.TemporaryFile("w+") as complaint,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaint,
            text=True,
            # On cores that it shares with servers it must not displace them whenever they have sent something.
            preexec_fn=None if server.pinned else _yield_to_servers,
        ) as load,
    ):
        try:
            used, figures = _follow(load, server, plan, connected)
        except (BrokenPipeError, EOFError):
            load.wait()
            complaint.seek(0)
            raise Failed(f"the load generator: {complaint.read().strip()}") from None
        except BaseException:
            load.kill()  # leaving the with waits for it
            raise
    done = figures["deliveries"] or figures["requests"]
    figures["server_us"] = used["server"] / max(done * figures["seconds"], 1) * 1e6
    return figures | {f"{name}_cores": spent / figures["seconds"] for name, spent in used.items()}


def _yield_to_servers() -> None:
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _follow(
    load: subprocess.Popen[str], server: Server, plan: Plan, connected: Callable[[], None] | None
) -> tuple[dict[str, float], dict[str, float]]:
    clocks = {"server": server.cpu_seconds, "serving": server.serving_seconds, "machine": machine_seconds}
    assert load.stdin is not None and load.stdout is not None

    def expect(what: str) -> None:
        if load.stdout.readline().strip() != what:
            raise EOFError(what)

    load.stdin.write("\n".join([*plan.lines, "connect", ""]))
    load.stdin.flush()
    expect("connected")
    if connected is not None:
        connected()
    load.stdin.write("go\n")
    load.stdin.flush()
    expect("measuring")
    before = {name: clock() for name, clock in clocks.items()}
    expect("measured")
    used = {name: clock() - before[name] for name, clock in clocks.items()}
    result = load.stdout.readline()
    if not result:
        raise EOFError
    return used, json.loads(result)


def limit(seconds: float, sockets: int, frame_bytes: int) -> dict[str, float]:
    """One send() per socket and message, in C, and nothing else."""
    command = on_core(SERVER_CORE, BIN / "limit", sockets, frame_bytes, seconds)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            drain = on_core(LOAD_CORE, BIN / "load", "drain", port, seconds, sockets)
            result = json.loads(subprocess.run(drain, capture_output=True, text=True, check=True).stdout)
            sent = float(server.stdout.read())
        except BaseException:
            server.kill()  # leaving the with waits for it
            raise
    return {"fan_out": sent, "frame_bytes": frame_bytes, "load_cores": result["load_cores"]}


def syscalls(server: Server, plan: Plan, seconds: float, *, connections: int = 8, rate: float = 0) -> dict[str, float]:
    """How many system calls a delivery takes: strace counts them, from the first request to the last answer."""
    with tempfile.NamedTemporaryFile("r") as counts:
        tracer: list[subprocess.Popen[bytes]] = []

        def attach() -> None:
            command = on_core(LOAD_CORE, "strace", "-c", "-f", "-q", "-o", counts.name, "-p", server.pid)
            tracer.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
            time.sleep(1)

        try:
            figures = run(server, plan, seconds, connections=connections, rate=rate, connected=attach)
        finally:
            for each in tracer:
                each.send_signal(2)  # SIGINT: it detaches and writes
                each.wait()
        totals = [line.split() for line in counts.read().splitlines() if line.endswith(" total")]
    if not totals:
        raise Failed("strace counted nothing: may one process look into another here (ptrace)?")
    # The columns: % time, seconds, usecs/call, calls, errors; the errors may be missing.
    return {"syscalls": int(totals[0][3]) / max(figures["delivered"], 1), "delivered": figures["delivered"]}
