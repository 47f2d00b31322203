"""The child's side of a worker process: reads requests from stdin and writes answers to stdout (see ``process``).

The child exits when its stdin closes, and so with the daemon. It runs at the lowest priority.
"""

import faulthandler
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def serve(answer: Callable[..., Any], niceness: int = 19) -> None:
    """Answer each request, a JSON list, with ``answer(*request)``, until stdin closes."""
    faulthandler.enable()  # what it says of a crash is the cause that the daemon logs
    _lower_priority(niceness)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin.buffer:
        print(json.dumps(answer(*json.loads(line))), flush=True)


def _lower_priority(niceness: int) -> None:
    # When the daemon wakes, Linux lets a process that is merely nice finish its time slice, which takes milliseconds. A
    # process under SCHED_IDLE yields at once. A container or a systemd unit may allow one of these, both or neither.
    for lower in (
        lambda: os.setpriority(os.PRIO_PROCESS, 0, niceness),
        lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)),
    ):
        with suppress(OSError):
            lower()
