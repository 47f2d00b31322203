"""The log of a worker, which goes into its parent's: an event is a line of JSON on the worker's stdout.

What the worker writes to its stderr, as Python does when it dies, is logged by the parent line by line.
"""

import sys
from typing import Any

import orjson
from twisted.logger import ILogObserver, InvalidLogLevelError, Logger, LogLevel, eventAsText, globalLogBeginner
from zope.interface import implementer

from justchat.service.group.lines import Lines

TWISTEDS_OWN = ("log_legacy", "twisted.internet.base")
"""Namespaces in which Twisted tells that a port is opened or closed, and that the reactor stops: the parent says so."""


def begin_logging() -> None:
    """In the worker: log to stdout."""
    globalLogBeginner.beginLoggingTo([_write], redirectStandardIO=False)


@implementer(ILogObserver)
def _write(event: dict[str, Any]) -> None:
    if event["log_level"] is LogLevel.info and event.get("log_namespace") in TWISTEDS_OWN:
        return
    text = eventAsText(event, includeTimestamp=False, includeSystem=False)
    if text:
        line = [event["log_level"].name, event.get("log_namespace", "-"), text]
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        sys.stdout.buffer.flush()


class WorkerLog:
    """In the parent: logs what a worker writes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._out, self._err = Lines(), Lines()
        self.last_error = ""
        """The last line of stderr, which says why a worker did not start."""

    def out_received(self, data: bytes) -> None:
        """Bytes of the worker's stdout."""
        for line in self._out.feed(data):
            try:
                level, namespace, text = orjson.loads(line)
                self._emit(LogLevel.lookupByName(level), namespace, text)
            except (ValueError, TypeError, InvalidLogLevelError):  # printed by some library
                self._emit(LogLevel.info, "-", line.decode(errors="replace"))

    def err_received(self, data: bytes) -> None:
        """Bytes of the worker's stderr."""
        for line in self._err.feed(data):
            self.last_error = line.decode(errors="replace").removeprefix("justchat: ")
            self._emit(LogLevel.error, "-", line.decode(errors="replace"))

    def close(self) -> None:
        """The worker has ended: log the last line, if that is not complete."""
        self.out_received(b"\n" if self._out.has_rest else b"")
        self.err_received(b"\n" if self._err.has_rest else b"")

    def _emit(self, level: Any, namespace: str, text: str) -> None:
        Logger(namespace=namespace).emit(level, "{name}: {text}", name=self.name, text=text)
