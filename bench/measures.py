"""What is measured, and how: every round of a measure is one run of the load generator."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from bench.daemon import LOAD_CORE, SERVER_CORE, Daemon
from bench.peer import WARM, Peer

HERE = Path(__file__).parent
BIN = HERE / "bin"
SESSIONS = 8
"""Among which the sockets of a room are shared out."""


def build() -> None:
    """Compile the load generator and the limit."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("the load generator is written in C: install a compiler (package gcc)")
    BIN.mkdir(exist_ok=True)
    for name, source in (("load", HERE / "load.c"), ("limit", HERE / "peers" / "limit.c")):
        done = subprocess.run([compiler, "-O2", "-Wall", "-o", str(BIN / name), str(source)], check=False)
        if done.returncode:
            raise SystemExit(f"{source.name} does not compile here; a compiler with its headers is needed")


def on_core(core: int, *command: object) -> list[str]:
    return ["taskset", "-c", str(core), *map(str, command)]


def load(*arguments: object) -> dict[str, float]:
    done = subprocess.run(on_core(LOAD_CORE, BIN / "load", *arguments), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the load generator: {done.stderr.strip()}")
    result: dict[str, float] = json.loads(done.stdout)
    return result


def requests(daemon: Daemon, seconds: float, connections: int) -> dict[str, float]:
    """POST /room/sendMessage, with nobody listening."""
    key, room = daemon.a_speaker()
    before = daemon.cpu_seconds()
    result = load("http", daemon.http, seconds, connections, key, room)
    return {
        "per_second": result["requests"],
        "p50_ms": result["p50_ms"],
        "p99_ms": result["p99_ms"],
        "server_us": (daemon.cpu_seconds() - before) / max(result["answered"], 1) * 1e6,
        "load_cores": result["load_cores"],
    }


def requests_to(peer: Peer, seconds: float, connections: int) -> dict[str, float]:
    """The same to a peer."""
    if not peer.warm:
        load("http", peer.port, WARM, connections, peer.key, peer.room)
        peer.warm = True
    before = peer.cpu_seconds()
    result = load("http", peer.port, seconds, connections, peer.key, peer.room)
    return {
        "per_second": result["requests"],
        "p50_ms": result["p50_ms"],
        "p99_ms": result["p99_ms"],
        "server_us": (peer.cpu_seconds() - before) / max(result["answered"], 1) * 1e6,
        "load_cores": result["load_cores"],
    }


def deliveries(daemon: Daemon, seconds: float, sockets: int, senders: int = 8) -> dict[str, float]:
    """Messages to a room of so many sockets."""
    keys, room = daemon.a_room(SESSIONS)
    result = load("room", daemon.http, seconds, senders, ",".join(keys), room, daemon.websocket, sockets)
    return {
        "per_second": result["deliveries"],
        "p50_ms": result["p50_ms"],
        "p99_ms": result["p99_ms"],
        "messages_per_second": result["deliveries"] / sockets,
        "frame_bytes": result["frame_bytes"],
        "load_cores": result["load_cores"],
    }


def limit(seconds: float, sockets: int, frame_bytes: int) -> dict[str, float]:
    """One send() per socket and message, in C, and nothing else."""
    command = on_core(SERVER_CORE, BIN / "limit", sockets, frame_bytes, seconds)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            result = load("drain", port, seconds, sockets)
            sent = float(server.stdout.read())
        except BaseException:
            server.kill()  # leaving the with waits for it
            raise
    return {"per_second": sent, "frame_bytes": frame_bytes, "load_cores": result["load_cores"]}


def machine() -> dict[str, Any]:
    """Where this was measured."""
    from importlib.metadata import version
    from platform import python_version, release

    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0].partition(":")[2].strip() if models else "unknown",
        "cores": os.cpu_count(),
        "kernel": release(),
        "python": python_version(),
        **{name: version(name) for name in ("twisted", "autobahn", "klein", "txmongo", "justchat")},
    }
