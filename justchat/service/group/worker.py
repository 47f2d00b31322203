"""The program of a worker: ``python -m justchat.service.group.worker``. Its context comes on stdin (``context``)."""

import ctypes
import os
import signal
import sys

from twisted.application.reactors import installReactor

from justchat.runtime.gc_tuning import collections_paused
from justchat.service.group.context import WorkerContext
from justchat.service.group.logs import begin_logging

_PR_SET_PDEATHSIG = 1


def run_from_stdin() -> None:
    """Read the context and run the daemon."""
    context = WorkerContext.decode(sys.stdin.buffer.read())
    _die_with(context.parent)
    begin_logging()
    if context.reactor is not None:
        installReactor(context.reactor)
    # Imported now, since it imports the reactor.
    with collections_paused():
        from justchat.service.group.worker_daemon import run_worker

    run_worker(context)


def _die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent dies, even if the reactor hangs."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        sys.exit(1)


if __name__ == "__main__":
    run_from_stdin()
