"""``python -m tests.faults``: a fault run and its table. Exits with 1 where something was wrong."""

import random
import sys
import time
from argparse import ArgumentParser
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.support.fault_run import FaultRun
from tests.support.fault_workers import Workers
from tests.support.fault_worlds import OneDaemon, SomeDaemons
from tests.support.fleet import Fleet


def parse_options(arguments: list[str]) -> Any:
    parser = ArgumentParser("python -m tests.faults")
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--daemons", type=int, default=1, help="several share one database and one bus")
    parser.add_argument("--one-node", action="store_true", help="several share one mongod, not a replica set of three")
    parser.add_argument("--no-bus", action="store_true", help="several share the database alone")
    parser.add_argument("--workers", type=int, default=1, help="of one daemon, with its embedded database")
    return parser.parse_args(arguments)


def make_world(options: Any) -> SomeDaemons:
    chance = random.Random(options.seed)
    if options.daemons > 1:
        return Fleet(chance, options.daemons, replicated=not options.one_node, with_bus=not options.no_bus)
    return Workers(chance, options.workers) if options.workers > 1 else OneDaemon(chance)


async def main(options: Any) -> None:
    run = FaultRun(make_world(options), options.seconds, options.seed)
    await run.go()
    print(run.report)
    if run.wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    react(lambda _: Deferred.fromCoroutine(main(parse_options(sys.argv[1:]))))
