"""The signals that twistd leaves to us. SIGTERM is the reactor's."""

import signal
import sys
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

_log = Logger()


def install_signal_handlers(reactor: Any, stop: Callable[[], None]) -> None:
    """Give Ctrl-C to the reactor, and keep SIGHUP from ending the process unless its terminal has gone."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        # The reactor takes it over from Python's own handler only, and a little later.
        signal.signal(signal.SIGINT, reactor.sigInt)

    def hung_up(*_: object) -> None:
        if sys.stdout is not None and sys.stdout.isatty():
            # Without its terminal, nobody else would end the process.
            reactor.callFromThread(stop)
        else:
            reactor.callFromThread(_log.info, "SIGHUP: settings are read at the start alone; restart me")

    signal.signal(signal.SIGHUP, hung_up)
