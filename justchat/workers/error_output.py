"""What a child process writes to its stderr: logged while it runs, or told as the cause once it has ended."""

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall

LOGGED_AFTER = 0.5
"""Seconds. A process that dies writes its traceback, and ends before that."""
ONE_CAUSE = 10.0
"""Seconds between two parts of one traceback. On a busy machine the first is logged before the rest comes."""
LONGEST = 4096
"""Bytes that are kept; of more, the last ones."""


class ErrorOutput:
    """Collects lines. ``log`` is called with several at once, joined, if the process has not ended soon after them."""

    def __init__(self, log: Callable[[str], None], reactor: Any) -> None:
        self._log = log
        self._reactor = reactor
        self._unlogged = b""
        self._logged = ""
        self._logged_at = 0.0
        self._timer: IDelayedCall | None = None

    def feed(self, data: bytes) -> None:
        """Bytes of stderr."""
        self._unlogged = (self._unlogged + data)[-LONGEST:]
        if self._timer is None:
            self._timer = self._reactor.callLater(LOGGED_AFTER, self._flush)

    def close(self) -> str:
        """The process has ended: what it wrote last, on one line. It is not logged, and may be empty."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        cause = _joined(self._unlogged)
        if not cause or self._reactor.seconds() - self._logged_at < ONE_CAUSE:
            cause = " | ".join(filter(None, (self._logged, cause)))
        self._unlogged, self._logged = b"", ""
        return cause

    def _flush(self) -> None:
        self._timer = None
        self._logged, self._unlogged = _joined(self._unlogged), b""
        self._logged_at = self._reactor.seconds()
        if self._logged:
            self._log(self._logged)


def _joined(output: bytes) -> str:
    lines = (line.strip() for line in output.decode(errors="replace").splitlines())
    return " | ".join(filter(None, lines))
