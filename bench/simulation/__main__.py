"""`python -m bench.simulation`: the figures of a number of sockets on a number of daemons and nodes of the bus."""

import argparse
import resource
import time

from bench.simulation.run import MESSAGES, Figures, simulate

ENGINE = 2.8e-6
"""Seconds of Redis for a hand-out, with 100,000 channels (docs/growing.rst)."""
TAKEN_IN = 7.6e-6
"""Seconds of a daemon for a packet that comes in, before it is handed to sockets."""
SWEPT, SWEEP_EVERY = 7e-6, 0.5
"""Seconds of MongoDB for a stream in a sweep, and between two sweeps of the streams of a node that is away."""
CONFIRMED = 2.2e-6
"""Seconds of Redis for a subscription."""


def table(figures: Figures, people: int, daemons: int, nodes: int) -> list[tuple[str, str]]:
    """Lines of a name and a figure."""
    swept = figures.node_streams * SWEPT / SWEEP_EVERY
    return [
        ("sockets, daemons, nodes of the bus", f"{people:,}, {daemons:,}, {nodes}"),
        ("subscriptions in all / a daemon", f"{figures.subscriptions:,} / {figures.subscriptions // daemons:,}"),
        ("subscriptions a node, fullest / mean", f"{figures.node_balance:.2f}"),
        ("messages written a second", f"{figures.messages:,.0f}"),
        ("deliveries to sockets a second", f"{figures.deliveries:,.0f}"),
        ("hand-outs of nodes a second", f"{figures.hand_outs:,.0f}"),
        ("hand-outs a delivery", f"{figures.hand_outs / figures.deliveries:.2f}"),
        ("hand-outs, busiest node / mean", f"{figures.hand_out_balance:.2f}"),
        ("cores of Redis that they take", f"{figures.hand_outs * ENGINE:.1f}"),
        ("packets into a daemon a second, mean / most", f"{figures.into_daemon:,.0f} / {figures.into_busiest:,.0f}"),
        ("  of them its core takes", f"{figures.into_daemon * TAKEN_IN:.1%}"),
        ("  if every daemon got every packet", f"{figures.messages:,.0f}"),
        ("largest room / hand-outs of one message", f"{figures.largest_room:,} / {figures.largest_handed:,}"),
        ("a node away: share of messages from the log", f"{figures.node_messages:.1%}"),
        ("a node away: cores of MongoDB that sweeps take", f"{swept:.1f}"),
        ("a node back: subscriptions / seconds of it", _back(figures)),
        ("a node less in the list: streams that move", f"{figures.moved:.1%}"),
        ("a daemon dies: subscriptions / most of one", f"{figures.daemon_subscriptions:,} / {figures.daemon_most:,}"),
    ]


def _back(figures: Figures) -> str:
    return f"{figures.node_streams:,} / {figures.node_streams * CONFIRMED:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.simulation", description=__doc__)
    parser.add_argument("--sockets", type=int, default=1_000_000)
    parser.add_argument("--daemons", type=int, default=1_000)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--messages", type=int, default=MESSAGES, help="that are sent; figures are scaled")
    options = parser.parse_args()
    figures = simulate(options.sockets, options.daemons, options.nodes, options.messages)
    for name, value in table(figures, options.sockets, options.daemons, options.nodes):
        print(f"{name:<46} {value}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"(simulated in {time.process_time():.0f} s of a core and {memory:.0f} MiB)")


main()
