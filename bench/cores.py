"""Cores: the server has one; the load generator, the databases and the benchmark share the other.

Several daemons or workers need both, so there nothing is bound to a core: they share all with load and databases,
and so does what is compared with them.
"""

import os

SERVER_CORE, LOAD_CORE = 0, min(1, (os.cpu_count() or 1) - 1)
ALL_CORES = range(os.cpu_count() or 1)


def on_core(core: int | None, *command: object) -> list[str]:
    """On that core, or on any."""
    return ["taskset", "-c", ",".join(map(str, cores(core))), *map(str, command)]


def cores(core: int | None) -> list[int]:
    """That one, or all."""
    return list(ALL_CORES) if core is None else [core]


def move(pid: int, core: int) -> None:
    """Move a process that runs already, with its threads."""
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            os.sched_setaffinity(int(task), {core})
        except ProcessLookupError:
            continue  # threads come and go
