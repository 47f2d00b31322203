"""A machine of more and slower cores than this one: each process that serves gets the same small share of a core.

On two cores, one daemon, its database and the load fill the machine, so that more workers have nothing to gain. Here
each process that serves has a core of its own, a fifth as fast as one of this machine, and most of the machine is left
for the load, the database, the parent of the workers and the processes for passwords and pictures, which are not
limited. ``machine_cores`` of a run says whether they found enough of it: if the machine was full, the run says nothing.
``share_used`` says how much of its shares the daemon used: where that is nearly 1, it is bound by its cores.
"""

from contextlib import ExitStack

from bench import plans, several
from bench.cgroup import Controller
from bench.cores import ALL_CORES
from bench.generator import Plan, run
from bench.server import Failed, Server
from bench.several import FOUR
from bench.stage import Stage

Figures = dict[str, float]
Round = dict[str, Figures]
SHARE = 0.2
SECONDS, WARM_UP = 3.0, 2.0
"""At least: on a fifth of a core, an event to 10,000 sockets takes a quarter of a second."""


def shares(stage: Stage, seconds: float) -> Round:
    """Each load on two processes of the peer, one daemon, and two and four workers: each has a share of a core."""
    several.need_redis()
    controller, nodes = Controller(), stage.nodes()
    servers: dict[str, Server] = {
        "two Node": nodes,
        "one daemon": stage.one(),
        "two workers": stage.workers(),
        "four workers": stage.workers(FOUR),
    }
    done = {
        f"{name}, {load}": _limited(
            controller,
            server,
            plans.spread(plan(), nodes.servers) if server is nodes else plan(),
            max(seconds, SECONDS),
            connections,
            rate,
        )
        for load, (plan, connections, rate) in several.LOADS.items()
        for name, server in servers.items()
    }
    fullest = max(figures["machine_cores"] for figures in done.values())
    return {**done, "fullest run": {"machine_cores": fullest, "machine_used": fullest / len(ALL_CORES)}}


def _limited(
    controller: Controller, server: Server, plan: Plan, seconds: float, connections: int, rate: float
) -> Figures:
    """One run. The sockets are opened before the server is limited, which ten thousand of them would wait for long."""
    serving = server.serving()
    with ExitStack() as stack:

        def limit() -> None:
            stack.enter_context(controller.limited(serving, SHARE))

        figures = run(server, plan, seconds, connections=connections, rate=rate, warm_up=WARM_UP, connected=limit)
        if server.serving() != serving:
            raise Failed("a worker has ended: the one that followed it was not limited")
    return {**figures, "share_used": figures["serving_cores"] / (SHARE * len(serving))}
