"""The signals that twistd leaves to us, and what a second SIGTERM or SIGINT does. The first is the reactor's."""

import signal
import sys
from collections.abc import Callable
from typing import Any


def install_signal_handlers(
    reactor: Any, stop: Callable[[], None], again: Callable[[], None], reload: Callable[[], None]
) -> None:
    """Give Ctrl-C to the reactor, and let SIGHUP reload the settings, unless its terminal has gone.

    ``again`` is called where SIGTERM or SIGINT comes while the reactor is being stopped.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        # The reactor takes it over from Python's own handler only, and a little later.
        signal.signal(signal.SIGINT, reactor.sigInt)

    def hung_up(*_: object) -> None:
        if sys.stdout is not None and sys.stdout.isatty():
            # Without its terminal, nobody else would end the process.
            reactor.callFromThread(stop)
        else:
            reactor.callFromThread(reload)

    signal.signal(signal.SIGHUP, hung_up)
    # By then the reactor has installed its own.
    reactor.callWhenRunning(_stop_once, reactor, again)


def _stop_once(reactor: Any, again: Callable[[], None]) -> None:
    """Let SIGTERM and SIGINT stop the reactor, and call ``again`` where it is being stopped. The reactor must run.

    A second one is usual: who stops a group of processes may signal all of them, and the parent signals its workers.
    """
    is_stopping = False

    def begin() -> None:
        nonlocal is_stopping
        is_stopping = True

    def stopping_by(before: Any) -> Any:
        def stop(number: int, frame: Any) -> None:
            if is_stopping:
                reactor.callFromThread(again)
            else:
                begin()
                before(number, frame)

        return stop

    reactor.addSystemEventTrigger("before", "shutdown", begin)
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, stopping_by(before))
