"""`python -m bench`: measure, print the table, write it as JSON."""

import argparse
import json
import signal
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.daemon import Daemon
from bench.history import history
from bench.measures import BIN, SESSIONS, build, deliveries, limit, machine, requests, requests_to
from bench.peer import WAYS, Peer, install

LIMIT = "limit, 1000 sockets"
POSTED = "sendMessage, 32 connections"
UNITS = {"limit": "sends/s", "sendMessage": "requests/s", "deliveries": "frames/s"}


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {key: median(each[key] for each in rounds) for key in rounds[0]}


def one_round(daemon: Daemon, peers: dict[str, Peer], seconds: float) -> dict[str, dict[str, float]]:
    """Every measure once, ours and the peers' in turn. The limit sends frames as large as those just heard, so that the
    two can be compared.
    """
    heard = {f"deliveries, {sockets} sockets": deliveries(daemon, seconds, sockets) for sockets in (100, 1000)}
    posted = {POSTED: requests(daemon, seconds, 32)}
    ours = posted[POSTED]["per_second"]
    for name, peer in peers.items():
        posted[f"{POSTED}: {name}"] = theirs = requests_to(peer, seconds, 32)
        posted[POSTED][f"times {name}"] = ours / theirs["per_second"]
    most = limit(seconds, 1000, round(heard["deliveries, 1000 sockets"]["frame_bytes"]))
    for each in heard.values():
        each["of_the_limit"] = each["per_second"] / most["per_second"]
    return {LIMIT: most} | posted | heard


def main() -> None:
    # Told to stop, we still end the daemon and remove its folder.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of each measure, in turn; medians count")
    parser.add_argument("--seconds", type=float, default=5, help="of one round of one measure")
    parser.add_argument("--json", type=Path, default=BIN / "last.json", help="where the result goes")
    parser.add_argument("--messages", type=int, default=1_000_000, help="of the room whose history is read")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("at least one round, of some seconds")
    build()
    rounds: list[dict[str, dict[str, float]]] = []
    with ExitStack() as stack:
        peers = {name: stack.enter_context(Peer(way)) for way, name in WAYS.items()} if install() else {}
        if not peers:
            print("no Node here: the peers are not measured", file=sys.stderr)
        for _ in range(options.rounds):
            with Daemon() as daemon:
                rounds.append(one_round(daemon, peers, options.seconds))
    measured: dict[str, dict[str, Any]] = {name: medians([each[name] for each in rounds]) for name in rounds[0]}
    for name in measured:
        measured[name]["unit"] = UNITS[name.partition(",")[0]]
    with Daemon() as daemon:
        for name, page in history(daemon, options.messages).items():
            measured[name] = {**page, "unit": "ms"}
    report: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **machine(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "sessions": SESSIONS,
        "measures": measured,
    }
    show(report)
    options.json.write_text(json.dumps(report, indent=2))


def show(report: dict[str, Any]) -> None:
    print(f"{report['date']}  {report['cpu']}, {report['cores']} cores, Python {report['python']}")
    print(f"{'measure':62} {'per second':>12} {'p50 ms':>9} {'p99 ms':>9} {'of the limit':>13} {'server us':>10}")
    for name, values in report["measures"].items():
        cells = [
            f"{values['per_second']:12,.0f}" if "per_second" in values else " " * 12,
            *(f"{values[key]:9.2f}" if key in values else " " * 9 for key in ("p50_ms", "p99_ms")),
            f"{values['of_the_limit']:13.2f}" if "of_the_limit" in values else " " * 13,
            f"{values['server_us']:10.0f}" if "server_us" in values else " " * 10,
        ]
        print(f"{name:62} {' '.join(cells)}".rstrip())
        for ratio, times in values.items():
            if ratio.startswith("times "):
                print(f"    {times:.1f} {ratio}")
    print(
        f"Medians of {report['rounds']} rounds. The limit: one send() a frame, in C; who joins frames can pass it. "
        f"Sockets share {report['sessions']} sessions."
    )


main()
