"""The report: JSON, and tables for a terminal and for docs/speed.rst."""

import os
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version, release
from statistics import median
from typing import Any

from bench.measures import MEASURES
from bench.targets import TARGETS
from justchat import __version__

SHOWN = {
    "requests": "requests/s",
    "deliveries": "deliveries/s",
    "fan_out": "deliveries/s of one event",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "answer_p50_ms": "answers p50 ms",
    "answer_p99_ms": "answers p99 ms",
    "server_us": "server us",
    "server_cores": "server cores",
    "share_used": "of its share used",
    "machine_cores": "cores of the machine used",
    "slowest_over_median": "slowest/median",
    "kib_per_socket": "KiB a socket",
    "syscalls": "system calls",
    "sign_in_ms": "sign-in ms",
    "ready_s": "ready s",
    "mib": "MiB",
    "long_turns": "long turns",
}
SERVERS = {
    "looked_up": "Node looked up",
    "memory": "Node with memory",
    "memory paced": "Node with memory, paced",
    "ours paced": "ours, paced",
    "limit": "C",
}
Rounds = dict[str, list[dict[str, dict[str, float]]]]


def machine() -> dict[str, Any]:
    """The machine and the versions."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": models[0].partition(":")[2].strip() if models else "unknown",
        "cores": os.cpu_count(),
        "kernel": release(),
        "python": python_version(),
        "node": node.removeprefix("v"),
        **{name: version(name) for name in ("twisted", "autobahn", "klein", "txmongo")},
        "justchat": __version__,
    }


def report(rounds: Rounds, skipped: dict[str, str], curves: dict[str, Any], seconds: float) -> dict[str, Any]:
    measured = {
        name: {
            "rounds": each,
            "medians": {
                server: {figure: median(one[server][figure] for one in each) for figure in figures}
                for server, figures in each[0].items()
            },
        }
        for name, each in rounds.items()
    }
    targets = []
    for target in TARGETS:
        if target.measure in rounds:
            value = target.value(rounds[target.measure])
            row = {"measure": target.measure, "label": target.label, "wanted": target.wanted}
            targets.append({**row, "value": round(value, 3), "met": target.met(value)})
    return {
        **machine(),
        "seconds": seconds,
        "targets": targets,
        "skipped": skipped,
        "measures": measured,
        "curves": curves,
    }


def text(result: dict[str, Any]) -> str:
    """For a terminal."""
    lines = [
        f"{result['date']}  {result['cpu']}, {result['cores']} cores, Python {result['python']}, Node {result['node']}"
    ]
    for measure in MEASURES:
        if measure.name in result["skipped"]:
            lines.append(f"\n{measure.title}: skipped, {result['skipped'][measure.name]}")
        if measure.name not in result["measures"]:
            continue
        each = result["measures"][measure.name]
        lines.append(f"\n{measure.title} ({measure.name}, {len(each['rounds'])} rounds)")
        lines += [
            f"    {SERVERS.get(server, server):18} {_figures(figures)}" for server, figures in each["medians"].items()
        ]
        lines += [
            f"  {'met   ' if row['met'] else 'MISSED'} {row['value']:8.2f}  {row['wanted']:8} {row['label']}"
            for row in result["targets"]
            if row["measure"] == measure.name
        ]
    missed = [row for row in result["targets"] if not row["met"]]
    for name, curve in result["curves"].items():
        lines.append(f"\n{name}")
        for server, points in curve.items():
            lines.append(f"    {SERVERS.get(server, server)}")
            lines += [f"        {_number(point['x']):>9}  {_figures(point)}" for point in points]
    lines.append(f"\n{len(result['targets']) - len(missed)} of {len(result['targets'])} targets met.")
    return "\n".join(lines)


def _figures(figures: dict[str, float]) -> str:
    return ", ".join(f"{_number(figures[name])} {unit}" for name, unit in SHOWN.items() if figures.get(name))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


BEGIN, END = ".. The figures begin.\n", ".. The figures end.\n"
TITLES = {
    "room size": "Sockets in the room, a message 20 times a second",
    "rooms": "Rooms of 20 sockets, 100 messages a second among them",
    "history": "Position in a history of 1,000,000, 100 messages read, one request at a time",
}


def update_docs(result: dict[str, Any], page: Path) -> None:
    """Put the figures between the marks of a page."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(before + BEGIN + "\n" + _rst(result) + "\n" + END + after)


def _rst(result: dict[str, Any]) -> str:
    packages = ", ".join(f"{name} {result[name]}" for name in ("twisted", "autobahn", "klein", "txmongo"))
    lines = [
        f"Measured {result['date'][:10]}: {result['cpu']}, {result['cores']} cores, Linux {result['kernel']}, Python "
        f"{result['python']}, {packages}; Node {result['node']}. Rounds of {result['seconds']:g} seconds.",
        "",
        *_table(["Measure", "Figure", "Value", "Target", "Met"], [34, 34, 10, 12, 10]),
    ]
    titles = {measure.name: measure.title for measure in MEASURES}
    shown = ""
    for row in result["targets"]:
        title = titles[row["measure"]] if row["measure"] != shown else ""
        shown = row["measure"]
        lines += _row([title, row["label"], f"{row['value']:.2f}", row["wanted"], "yes" if row["met"] else "**no**"])
    lines += ["", "What each server did:", "", *_table(["Measure", "Server", "Medians"], [30, 20, 50])]
    for name, measured in result["measures"].items():
        for number, (server, figures) in enumerate(measured["medians"].items()):
            lines += _row(["" if number else titles[name], SERVERS.get(server, server), _figures(figures)])
    for name, title in TITLES.items():
        lines += ["", f"{title}:", "", *_table(["Of these", "Figures"], [20, 80])]
        for point in result["curves"].get(name, {}).get("ours", []):
            lines += _row([_number(point["x"]).removesuffix(".00"), _figures(point)])
    return "\n".join(lines) + "\n"


def _table(heads: list[str], widths: list[int]) -> list[str]:
    return [
        ".. list-table::",
        "   :header-rows: 1",
        "   :widths: " + " ".join(map(str, widths)),
        "",
        *_row(heads),
    ]


def _row(cells: list[str]) -> list[str]:
    return [f"   {'* -' if not number else '  -'} {cell}".rstrip() for number, cell in enumerate(cells)]
