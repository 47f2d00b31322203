"""The program of a worker: ``python -m justchat.service.group.worker PARENT REACTOR DATA_DIR``.

Its context and its number come on stdin (``context``). PARENT is its parent's process id.
"""

import ctypes
import faulthandler
import os
import signal
import sys

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15


def run_from_stdin() -> None:
    """Build the daemon of the context, wait for a number, and be that worker."""
    parent, reactor, _ = sys.argv[1:]
    _die_with(int(parent))
    # Imported now, since the second block imports the reactor.
    from justchat.runtime.gc_tuning import collections_paused

    with collections_paused():
        from justchat.service.group.context import WorkerContext
        from justchat.service.group.logs import begin_logging

        begin_logging()
        faulthandler.enable()  # what it says of a crash of the interpreter is the cause that the parent logs
        if reactor:
            from twisted.application.reactors import installReactor

            installReactor(reactor)
        from justchat.errors import StartupError
        from justchat.runtime.logs.output import LOG
        from justchat.service.group.worker_daemon import WorkerDaemon

        try:
            context = WorkerContext.decode(sys.stdin.buffer.readline())
            LOG.configure(context.settings)
            daemon = WorkerDaemon(context)
        except StartupError as error:
            sys.exit(f"justchat: {error}")
    number = int(sys.stdin.buffer.readline())
    # "top" and "ps -o comm" show it.
    _prctl(_PR_SET_NAME, f"worker {number}".encode())
    daemon.run(number)


def _die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent dies, even if the reactor hangs."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        sys.exit(1)


def _prctl(option: int, argument: int | bytes) -> None:
    ctypes.CDLL(None).prctl(option, argument)


if __name__ == "__main__":
    run_from_stdin()
