"""Ctrl-C and SIGTERM during long work in a thread: it ends at the next piece, and removes what it has begun."""

import signal
from typing import Any

from justchat.errors import StartupError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """As a context manager, takes the two signals. ``check`` raises StartupError once one has come."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._came = False
        self._former: list[Any] = []

    def __enter__(self) -> "Interruption":
        # A reactor that starts takes them for itself.
        self._reactor.callWhenRunning(self._take)
        return self

    def _take(self) -> None:
        self._former = [signal.signal(number, self._note) for number in _SIGNALS]

    def __exit__(self, *_: object) -> None:
        for number, former in zip(_SIGNALS, self._former, strict=True):
            signal.signal(number, former)

    def _note(self, *_: object) -> None:
        self._came = True

    def check(self) -> None:
        """Raises StartupError if the work shall end. May be called in a thread."""
        if self._came:
            raise StartupError("interrupted; what it had begun is removed")
