"""The result: as JSON, and as tables for a terminal and for docs/speed.rst."""

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

SHOWN = {
    "requests": "requests/s",
    "deliveries": "deliveries/s",
    "fan_out": "deliveries/s of one event",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "server_us": "server us",
    "slowest_over_median": "slowest/median",
    "kib_per_socket": "KiB a socket",
    "syscalls": "system calls",
    "sign_in_ms": "sign-in ms",
    "ready_s": "ready s",
    "mib": "MiB",
}
SERVERS = {"looked_up": "Node looked up", "memory": "Node with memory", "limit": "C"}
Rounds = dict[str, list[dict[str, dict[str, float]]]]


def machine() -> dict[str, Any]:
    """Where this was measured."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": models[0].partition(":")[2].strip() if models else "unknown",
        "cores": os.cpu_count(),
        "kernel": release(),
        "python": python_version(),
        "node": node.removeprefix("v"),
        **{name: version(name) for name in ("twisted", "autobahn", "klein", "txmongo", "justchat")},
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
    lines.append(f"\n{len(result['targets']) - len(missed)} of {len(result['targets'])} targets met.")
    return "\n".join(lines)


def _figures(figures: dict[str, float]) -> str:
    return ", ".join(f"{_number(figures[name])} {unit}" for name, unit in SHOWN.items() if figures.get(name))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
