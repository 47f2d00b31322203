"""`python -m bench`: measure beside the peers, print the table, write it as JSON."""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from bench.cores import LOAD_CORE
from bench.curves import measure_curves
from bench.generator import build
from bench.measures import MEASURES, Measure
from bench.plot import plot_latency
from bench.report import Rounds, report, text, update_docs
from bench.server import Failed, Missing
from bench.stage import Stage

RESULTS = Path(__file__).parent / "results.json"
DOCS = Path(__file__).parent.parent / "docs"


def measure(
    stage: Stage, chosen: list[Measure], rounds: int, seconds: float
) -> tuple[Rounds, dict[str, str], dict[str, str]]:
    """Run all measures in rounds, so that changes of the machine affect all alike.

    Returns the rounds, and by name why a measure was skipped, or failed; one that failed once is not tried again.
    """
    done: Rounds = {}
    failed: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for number in range(rounds):
        for each in chosen:
            if number >= each.most or each.name in skipped or each.name in failed:
                continue
            print(f"round {number + 1} of {min(rounds, each.most)}: {each.title}", file=sys.stderr)
            try:
                figures = each.round(stage, seconds)
                done.setdefault(each.name, []).append(figures)
            except Missing as missing:
                skipped[each.name] = str(missing)
            except Failed as failure:
                failed[each.name] = str(failure)
                print(failure, file=sys.stderr)
    return {name: rounds for name, rounds in done.items() if name not in failed}, skipped, failed


def main() -> None:
    # On SIGTERM the servers are still ended and their folders removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    names = [each.name for each in MEASURES]
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each measure, in turn; medians count")
    parser.add_argument("--seconds", type=float, default=1.5, help="of one round of one measure")
    parser.add_argument("--only", choices=names, action="append", help="this measure; may be given more than once")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where the result goes")
    parser.add_argument("--no-curves", dest="curves", action="store_false", help="leave the curves out")
    parser.add_argument("--docs", action="store_true", help="write table and plot into docs/speed.rst")
    options = parser.parse_args()
    options.curves = options.curves and options.only is None
    if options.docs and not options.curves:
        parser.error("docs have all measures, and the curves")
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("at least one round, of some seconds")
    os.sched_setaffinity(0, {LOAD_CORE})
    build()
    chosen = [each for each in MEASURES if options.only is None or each.name in options.only]
    with Stage() as stage:
        rounds, skipped, failed = measure(stage, chosen, options.rounds, options.seconds)
        curves = measure_curves(stage, options.seconds) if options.curves else {}
        skipped |= {name: f"failed: {why}" for name, why in failed.items()}
        result = report(rounds, skipped, curves, options.seconds)
    options.json.write_text(json.dumps(result, indent=1))
    print(text(result))
    if options.docs:
        update_docs(result, DOCS / "speed.rst")
        plot_latency(result["curves"]["latency"], DOCS / "latency.svg")
    if failed:
        raise SystemExit(1)


main()
