"""The plot of docs/speed.rst: how long a delivery takes, over load."""

from pathlib import Path
from typing import Any

from bench.report import SERVERS

MARKERS = {"looked_up": "s", "memory": "^", "ours": "o"}


def plot_latency(curves: dict[str, Any], file: Path) -> None:
    """Write it as SVG. Raises ImportError without matplotlib (the extra ``bench``)."""
    import matplotlib

    matplotlib.use("svg")
    # Text stays text, and the same figures give the same file.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "justchat", "font.size": 9})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    for server, points in curves.items():
        loads = [point["x"] * 100 for point in points]
        name = SERVERS.get(server, "JustChat")
        (line,) = axes.plot(loads, [point["p99_ms"] for point in points], marker=MARKERS[server], label=f"{name}, p99")
        medians = [point["p50_ms"] for point in points]
        axes.plot(loads, medians, marker=MARKERS[server], ls=":", color=line.get_color(), label=f"{name}, median")
    axes.set(xscale="log", yscale="log", xlabel="deliveries a second, to a room of 100 sockets", ylabel="milliseconds")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(file, metadata={"Date": None})
