"""`python -m bench`: measure beside the peers, print the table, write it as JSON."""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from bench.cores import LOAD_CORE
from bench.generator import build
from bench.measures import MEASURES, Measure, Missing
from bench.report import Rounds, report, text
from bench.server import Failed
from bench.stage import Stage

RESULTS = Path(__file__).parent / "results.json"


def measure(chosen: list[Measure], rounds: int, seconds: float) -> tuple[Rounds, dict[str, str], dict[str, str]]:
    """Every measure in turn, and that again and again: so what changes on the machine meanwhile hits all alike.

    Returns the rounds, and by name why a measure was skipped, or failed; one that failed once is not tried again.
    """
    done: Rounds = {}
    failed: dict[str, str] = {}
    skipped: dict[str, str] = {}
    with Stage() as stage:
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
    # Told to stop, we still end the servers and remove their folders.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    names = [each.name for each in MEASURES]
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each measure, in turn; medians count")
    parser.add_argument("--seconds", type=float, default=2, help="of one round of one measure")
    parser.add_argument("--only", choices=names, action="append", help="this measure; may be given more than once")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where the result goes")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("at least one round, of some seconds")
    os.sched_setaffinity(0, {LOAD_CORE})
    build()
    chosen = [each for each in MEASURES if options.only is None or each.name in options.only]
    rounds, skipped, failed = measure(chosen, options.rounds, options.seconds)
    result = report(rounds, skipped | {name: f"failed: {why}" for name, why in failed.items()}, {}, options.seconds)
    options.json.write_text(json.dumps(result, indent=1))
    print(text(result))
    if failed:
        raise SystemExit(1)


main()
