"""The log of a worker, which goes into its parent's: a line of the log is a line of JSON on the worker's stdout.

What the worker writes to its stderr, as Python does when it dies, is the cause that its end is logged with.
"""

import sys
from typing import Any

import orjson
from attrs import asdict
from twisted.logger import Logger, LogLevel, globalLogBeginner

from justchat.runtime.logs.lines import PRIORITIES, LogLine
from justchat.runtime.logs.output import LOG
from justchat.service.group.lines import Lines
from justchat.workers.error_output import ErrorOutput


def begin_logging() -> None:
    """In the worker: log to stdout."""
    LOG.begin(_encode, _write)
    globalLogBeginner.beginLoggingTo([LOG], redirectStandardIO=False)


def _encode(line: LogLine) -> str:
    return orjson.dumps(asdict(line), default=str).decode()


def _write(line: str) -> None:
    sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


def _decode(line: bytes) -> LogLine:
    """Raises ValueError, TypeError."""
    document = orjson.loads(line)
    if not isinstance(document, dict) or document.get("level") not in PRIORITIES:
        raise ValueError
    return LogLine(**{**document, "frames": tuple(document["frames"])})


class WorkerLog:
    """In the parent: logs what a worker writes."""

    def __init__(self, name: str, reactor: Any) -> None:
        self.name = name
        self._out = Lines()
        self._errors = ErrorOutput(self._emit_error, reactor)

    def out_received(self, data: bytes) -> None:
        """Bytes of the worker's stdout."""
        for line in self._out.feed(data):
            try:
                decoded = _decode(line)
            except (ValueError, TypeError, KeyError):  # printed by some library
                self._emit(LogLevel.info, "stdout", text=line.decode(errors="replace"))
            else:
                level = LogLevel.lookupByName(decoded.level)
                self._emit(level, decoded.logger, text=decoded.text, log_line=decoded)

    def err_received(self, data: bytes) -> None:
        """Bytes of the worker's stderr."""
        self._errors.feed(data)

    def close(self) -> str:
        """The worker has ended. Returns the last that it wrote to its stderr, which may say why."""
        self.out_received(b"\n" if self._out.has_rest else b"")
        return self._errors.close()

    def _emit_error(self, text: str) -> None:
        self._emit(LogLevel.error, "stderr", text=text)

    def _emit(self, level: Any, namespace: str, **more: Any) -> None:
        Logger(namespace=namespace).emit(level, "{name}: {text}", name=self.name, **more)
