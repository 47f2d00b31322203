"""`python -m bench`: measure, print the table, write it as JSON."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.daemon import Daemon
from bench.history import history
from bench.measures import BIN, build, deliveries, limit, machine, requests


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {key: median(each[key] for each in rounds) for key in rounds[0]}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of each measure, in turn; medians count")
    parser.add_argument("--seconds", type=float, default=4, help="of one round of one measure")
    parser.add_argument("--json", type=Path, default=BIN / "last.json", help="where the result goes")
    parser.add_argument("--messages", type=int, default=1_000_000, help="of the room whose history is read")
    options = parser.parse_args()
    build()
    rounds: dict[str, list[dict[str, float]]] = {}
    for _ in range(options.rounds):
        with Daemon() as daemon:
            for name, result in (
                ("limit, 1000 sockets", lambda: limit(options.seconds, 1000)),
                ("sendMessage, 32 connections", lambda: requests(daemon, options.seconds, 32)),
                ("deliveries, 100 sockets", lambda: deliveries(daemon, options.seconds, 100)),
                ("deliveries, 1000 sockets", lambda: deliveries(daemon, options.seconds, 1000)),
            ):
                rounds.setdefault(name, []).append(result())
    measured = {name: medians(each) for name, each in rounds.items()}
    with Daemon() as daemon:
        measured |= history(daemon, options.messages)
    most = measured["limit, 1000 sockets"]["per_second"]
    for name in measured:
        if name.startswith("deliveries"):
            measured[name]["of_the_limit"] = measured[name]["per_second"] / most
    report: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **machine(),
        "measures": measured,
    }
    show(report)
    options.json.write_text(json.dumps(report, indent=2))


def show(report: dict[str, Any]) -> None:
    print(f"{report['date']}  {report['cpu']}, {report['cores']} cores, Python {report['python']}")
    print(f"{'measure':40} {'per second':>12} {'p50 ms':>9} {'p99 ms':>9} {'of the limit':>13} {'server us':>10}")
    for name, values in report["measures"].items():
        cells = [
            f"{values['per_second']:12,.0f}" if "per_second" in values else " " * 12,
            *(f"{values[key]:9.2f}" if key in values else " " * 9 for key in ("p50_ms", "p99_ms")),
            f"{values['of_the_limit']:13.2f}" if "of_the_limit" in values else " " * 13,
            f"{values['server_us']:10.0f}" if "server_us" in values else " " * 10,
        ]
        print(f"{name:40} {' '.join(cells)}")


main()
