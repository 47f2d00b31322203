"""Detects reactor stalls, for tests and measurements (``JUSTCHAT_STALLS=1``).

A stall is a turn of the reactor, from one poll to the next, that takes too long; nobody else is served meanwhile. A
turn is measured by the processor time of the reactor's thread, since on a busy machine every turn is long by the clock.
"""

import sys
import threading
from collections.abc import Callable
from time import monotonic, sleep, thread_time
from traceback import extract_stack
from typing import Any

STALL = 0.020
"""Seconds of processor time above which a turn is a stall."""
SAMPLE_EVERY = 0.005
"""Seconds between samples of the turn under way."""
FRAMES = 12
"""Frames of the stack that are reported, the innermost ones."""


class _Poller:
    """The reactor's epoll object, with a callback before and after each poll."""

    def __init__(self, poller: Any, before: Callable[[], None], after: Callable[[], None]) -> None:
        self._poller = poller
        self._before = before
        self._after = after

    def poll(self, *args: Any) -> Any:
        self._before()
        try:
            return self._poller.poll(*args)
        finally:
            self._after()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)


class StallDetector:
    """Watches a reactor from now on, and calls ``report`` with the milliseconds of each stall and a stack during it."""

    def __init__(self, reactor: Any, report: Callable[[float, str], None]) -> None:
        self._reactor = reactor
        self._report = report
        self._thread = threading.get_ident()
        self._turn_since: float | None = None
        self._processor_time = thread_time()
        self._stack: str | None = None
        self._poller = reactor._poller
        self._running = True
        reactor._poller = _Poller(self._poller, self._turn_ends, self._turn_begins)
        threading.Thread(target=self._sample, name="stall detector", daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._running = False
        self._reactor._poller = self._poller

    def _turn_begins(self) -> None:
        self._stack = None
        self._processor_time = thread_time()
        self._turn_since = monotonic()

    def _turn_ends(self) -> None:
        self._turn_since = None
        used = thread_time() - self._processor_time
        if used > STALL:
            self._report(used * 1000, self._stack or "(between two samples)")

    def _sample(self) -> None:
        """In a thread of its own: take the reactor's stack while a turn is long."""
        while self._running:
            sleep(SAMPLE_EVERY)
            since = self._turn_since
            if since is not None and self._stack is None and monotonic() - since > STALL / 2:
                frame = sys._current_frames().get(self._thread)
                if frame is not None:
                    stack = extract_stack(frame)[-FRAMES:]
                    self._stack = " > ".join(f"{each.filename}:{each.lineno} {each.name}" for each in stack)
