"""``python -m tests.faults [seconds [daemons [seed]]]``: a fault run and its table.

It exits with 1 where something was wrong. Several daemons are on a replica set of three, whose primary is lost.
"""

import sys
import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.support.fault_run import FaultRun


async def main(seconds: str = "180", daemons: str = "1", seed: str = "") -> None:
    run = FaultRun(float(seconds), int(seed or time.time()), int(daemons), replicated=True)
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
