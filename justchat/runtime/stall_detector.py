"""Stalls: turns of the reactor that took too long, and where. For tests and measurements (``JUSTCHAT_STALLS=1``).

A turn is what happens between two looks at epoll; while it lasts, nobody else is served. What counts is the reactor's
own time of the processor, since on a busy machine every turn is long by the clock.
"""

import sys
import threading
from collections.abc import Callable
from time import monotonic, sleep, thread_time
from traceback import extract_stack
from typing import Any

LONGEST = 0.020
"""Seconds of a turn, above which it is told."""
LOOK_EVERY = 0.005
FRAMES = 12


class _Poller:
    """epoll, with a note of when each look at it begins and ends."""

    def __init__(self, poller: Any, begins: Callable[[], None], ends: Callable[[], None]) -> None:
        self._poller = poller
        self._begins = begins
        self._ends = ends

    def poll(self, *args: Any) -> Any:
        self._begins()
        try:
            return self._poller.poll(*args)
        finally:
            self._ends()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)


class StallDetector:
    """Watches a reactor from now on. ``tell`` is told of each stall: its milliseconds, and the stack in its midst."""

    def __init__(self, reactor: Any, tell: Callable[[float, str], None]) -> None:
        self._reactor = reactor
        self._tell = tell
        self._thread = threading.get_ident()
        self._since: float | None = None
        self._used = thread_time()
        self._place: str | None = None
        self._poller = reactor._poller
        self._watching = True
        reactor._poller = _Poller(self._poller, self._turn_ends, self._turn_begins)
        threading.Thread(target=self._watch, name="stalls", daemon=True).start()

    def stop(self) -> None:
        self._watching = False
        self._reactor._poller = self._poller

    def _turn_begins(self) -> None:
        self._place = None
        self._used = thread_time()
        self._since = monotonic()

    def _turn_ends(self) -> None:
        self._since = None
        used = thread_time() - self._used
        if used > LONGEST:
            self._tell(used * 1000, self._place or "(between two looks)")

    def _watch(self) -> None:
        """In a thread: note where the reactor is while a turn is too long."""
        while self._watching:
            sleep(LOOK_EVERY)
            since = self._since
            if since is not None and self._place is None and monotonic() - since > LONGEST / 2:
                frame = sys._current_frames().get(self._thread)
                if frame is not None:
                    stack = extract_stack(frame)[-FRAMES:]
                    self._place = " > ".join(f"{each.filename}:{each.lineno} {each.name}" for each in stack)
