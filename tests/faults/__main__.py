"""``python -m tests.faults [seconds [seed]]``: a fault run and its table. Exits with 1 where something was wrong."""

import sys
import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.support.fault_run import FaultRun


async def main(seconds: str = "180", seed: str = "") -> None:
    run = FaultRun(float(seconds), int(seed or time.time()))
    await run.go()
    for what, number in run.table:
        print(f"{what:45} {number:>10}")
    for what in run.wrong:
        print(f"WRONG: {what}")
    if run.wrong:
        raise SystemExit(1)


def start(reactor: Any, *arguments: str) -> "Deferred[None]":
    return Deferred.fromCoroutine(main(*arguments))


if __name__ == "__main__":
    react(start, sys.argv[1:])
