"""`python -m bench.majority`: what a replica set of three costs, beside one mongod, in one run of alternating rounds.

Both databases have TCP ports of this machine, and share a core with the load generator; the daemons share the other.
"""

import argparse
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from pymongo import MongoClient

from bench import plans
from bench.cores import LOAD_CORE, on_core
from bench.daemon import Daemon
from bench.generator import build, run
from bench.world import seed
from justchat.runtime.mongod import find_binary, library_environment

LOADS = {"one by one": (1, 0.0), "500 a second": (32, 500.0), "as many as it can": (32, 0.0)}
"""By name, the connections and the messages a second (0: no pause)."""


@contextmanager
def tcp_mongod(folder: Path, *options: str) -> Iterator[str]:
    """A mongod on a free port: its host and port."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
    folder.mkdir()
    command = [find_binary(), "--dbpath", folder, "--bind_ip", "127.0.0.1", "--port", port, "--nounixsocket"]
    command += ["--quiet", "--logpath", folder / "mongod.log", "--wiredTigerCacheSizeGB", "0.5", *options]
    command = ["setpriv", "--pdeathsig", "TERM", "--", *on_core(LOAD_CORE, *command)]
    process = subprocess.Popen(command, env=library_environment(folder), stdout=subprocess.DEVNULL)
    try:
        with MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=30_000) as client:
            client.admin.command("ping")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def replica_set(folder: Path, members: int = 3) -> Iterator[str]:
    """A replica set: its URI, once it has a primary."""
    with ExitStack() as stack:
        hosts = [stack.enter_context(tcp_mongod(folder / f"{n}", "--replSet", "rs")) for n in range(members)]
        config = {"_id": "rs", "members": [{"_id": n, "host": host} for n, host in enumerate(hosts)]}
        with MongoClient(hosts[0], directConnection=True) as client:
            client.admin.command({"replSetInitiate": config})
            while not client.admin.command("hello")["isWritablePrimary"]:
                time.sleep(0.1)
        yield f"mongodb://{','.join(hosts)}/?replicaSet=rs"


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.majority", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    build()
    with tempfile.TemporaryDirectory(prefix="jc-bench-") as folder, ExitStack() as stack:
        (Path(folder) / "set").mkdir()
        uris = {
            "one mongod": f"mongodb://{stack.enter_context(tcp_mongod(Path(folder) / 'one'))}",
            "replica set": stack.enter_context(replica_set(Path(folder) / "set")),
        }
        daemons = {name: stack.enter_context(Daemon(seed, mongo=uri)) for name, uri in uris.items()}
        done: dict[tuple[str, str], list[dict[str, float]]] = {}
        for _ in range(options.rounds):
            for load, (connections, rate) in LOADS.items():
                for name, daemon in daemons.items():
                    figures = run(daemon, plans.quiet(), options.seconds, connections=connections, rate=rate)
                    done.setdefault((load, name), []).append(figures)
    for (load, name), rounds in done.items():
        rate, p50, p99 = (median(each[key] for each in rounds) for key in ("requests", "p50_ms", "p99_ms"))
        print(f"{load:<18} {name:<12} {rate:7,.0f}/s  p50 {p50:6.2f} ms  p99 {p99:6.2f} ms")


main()
