"""The side of the child: reads requests from its input and writes the answers (see ``process``).

The child ends with its input, and so with the daemon. It works at the lowest priority.
"""

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def serve(answer: Callable[..., Any], niceness: int = 19) -> None:
    """Answer each request, a JSON list, by ``answer(*request)``, until the input ends."""
    _yield_to_all(niceness)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin.buffer:
        print(json.dumps(answer(*json.loads(line))), flush=True)


def _yield_to_all(niceness: int) -> None:
    # Of a process that is merely nice, Linux lets a time slice go on when the daemon wakes, for milliseconds. One under
    # SCHED_IDLE gives way at once. A container or a unit of systemd's may allow one of these, both or none.
    for lower in (
        lambda: os.setpriority(os.PRIO_PROCESS, 0, niceness),
        lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)),
    ):
        with suppress(OSError):
            lower()
