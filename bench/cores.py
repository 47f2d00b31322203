"""Cores: the server has one; the load generator, the databases and the benchmark share the other."""

import os

SERVER_CORE, LOAD_CORE = 0, min(1, (os.cpu_count() or 1) - 1)


def on_core(core: int, *command: object) -> list[str]:
    return ["taskset", "-c", str(core), *map(str, command)]


def move(pid: int, core: int) -> None:
    """Move a process that runs already, with its threads."""
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            os.sched_setaffinity(int(task), {core})
        except ProcessLookupError:
            continue  # threads come and go
