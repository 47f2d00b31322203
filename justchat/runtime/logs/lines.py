"""A line of the log, made of one of Twisted's events, and the three formats that it is written in."""

import os
import secrets
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from attrs import evolve, frozen
from twisted.logger import LogLevel, formatEvent
from twisted.python.failure import Failure

from justchat.runtime.logs.call_context import CURRENT_CALL

LONGEST = 8192
"""Characters of a line's text. A longer one is cut."""
LONGEST_MESSAGE = 1024
"""Characters of the message of an exception."""
MOST_FRAMES, MOST_CAUSES = 24, 3
OURS = ("justchat", "stdout", "stderr")
"""Where namespaces begin whose events at ``info`` are for operators. Twisted and other libraries tell developers what
they do: that is at ``debug``."""
PRIORITIES = {"debug": 7, "info": 6, "warn": 4, "error": 3, "critical": 2}
"""syslog's, which journald reads at the start of a line (sd-daemon(3))."""
_ROOTS = sorted((os.path.join(os.path.abspath(each), "") for each in sys.path if each), key=len, reverse=True)
_CONTROLS = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))}
_CONTROLS |= {10: "\\n", 13: "\\r", 9: "\\t", 0x2028: "\\u2028", 0x2029: "\\u2029"}

Redact = Callable[[str], str]


@frozen(kw_only=True)
class LogLine:
    """One line. ``time`` is in seconds since 1970."""

    time: float
    level: str
    logger: str
    """The module and class that logged it."""
    text: str
    incident: str | None = None
    """A number for each problem, so that people can speak of it; that of a 500 is in its answer."""
    trace_id: str | None = None
    parent_id: str | None = None
    worker: str | None = None
    error: str | None = None
    """An exception: its class and message, and those of its causes."""
    frames: tuple[str, ...] = ()
    """Where it was raised, the innermost last."""
    fields: Mapping[str, Any] = {}
    """More, for machines alone."""

    @property
    def is_problem(self) -> bool:
        return PRIORITIES[self.level] <= PRIORITIES["error"]


def level_of(event: Mapping[str, Any]) -> str:
    """The level of an event, by its name."""
    level: str = event.get("log_level", LogLevel.info).name
    if level == "info" and not str(event.get("log_namespace", "")).startswith(OURS):
        return "debug"
    if level == "critical" and event.get("isError") and "log_failure" not in event and "failure" not in event:
        return "warn"  # a library's sentence (twisted.python.log.err), as of each connection that breaks
    return level


def line_of(event: Mapping[str, Any], redact: Redact) -> LogLine:
    """The line of an event."""
    if isinstance(given := event.get("log_line"), LogLine):  # a worker's
        return evolve(given, worker=event["name"])
    level = level_of(event)
    failure = event.get("log_failure") or event.get("failure")
    call = CURRENT_CALL.get()
    trace = None if call is None else call.trace
    written = _text_of(event)
    text = redact(written)

    def redacted(value: Any) -> Any:
        # What is in a text without secrets has none.
        return redact(value) if isinstance(value, str) and not (text == written and value in text) else value

    line = LogLine(
        time=event.get("log_time") or 0.0,
        level=level,
        logger=str(event.get("log_namespace", "-")),
        text=_plain(text)[:LONGEST],
        trace_id=None if trace is None else trace.trace_id,
        parent_id=None if trace is None else trace.parent_id,
        fields={name: redacted(value) for name, value in (event.get("log_fields") or {}).items()},
    )
    if line.is_problem:
        line = evolve(line, incident=event.get("incident") or secrets.token_hex(8))
    if isinstance(failure, Failure):
        line = evolve(line, error=_plain(redact(_describe(failure)))[:LONGEST], frames=_frames(failure))
    return line


def _text_of(event: Mapping[str, Any]) -> str:
    if event.get("isError") and isinstance(event.get("failure"), Failure):  # twisted.python.log.err
        return str(event.get("why") or "unhandled error")
    return formatEvent(dict(event))


def _plain(text: str) -> str:
    """On one line, without what a terminal would obey, and without what UTF-8 cannot encode."""
    return text.strip().translate(_CONTROLS).encode(errors="backslashreplace").decode()


def _describe(failure: Failure) -> str:
    described: list[str] = []
    error: BaseException | None = failure.value
    while error is not None and len(described) < MOST_CAUSES:
        message = str(error)[:LONGEST_MESSAGE]
        described.append(f"{type(error).__name__}: {message}" if message else type(error).__name__)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return ", caused by ".join(described)


def _frames(failure: Failure) -> tuple[str, ...]:
    found = traceback.extract_tb(failure.getTracebackObject())[-MOST_FRAMES:]
    return tuple(f"{_short(frame.filename)}:{frame.lineno} in {frame.name}" for frame in found)


def _short(filename: str) -> str:
    for root in _ROOTS:
        if filename.startswith(root):
            return filename[len(root) :]
    return Path(filename).name


def text_line(line: LogLine) -> str:
    """A line for people."""
    written = datetime.fromtimestamp(line.time).astimezone().strftime("%Y-%m-%dT%H:%M:%S%z")
    return f"{written} [{line.logger}#{line.level}] {_sentence(line)}"


def journal_line(line: LogLine) -> str:
    """A line for journald, which has the time and reads the priority."""
    return f"<{PRIORITIES[line.level]}>[{line.logger}] {_sentence(line)}"


def json_line(line: LogLine) -> str:
    """A line for machines: one JSON object. Fields without a value are left out."""
    time = datetime.fromtimestamp(line.time, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    document = {"time": time, "level": line.level, "logger": line.logger, "message": line.text}
    optional = {
        "incident": line.incident,
        "worker": line.worker,
        "trace_id": line.trace_id,
        "parent_id": line.parent_id,
        "error": line.error,
        "traceback": list(line.frames),
    }
    filled = {name: value for name, value in optional.items() if value}
    return orjson.dumps({**document, **filled, **line.fields}, default=str).decode()


def _sentence(line: LogLine) -> str:
    sentence = line.text if line.worker is None else f"{line.worker}: {line.text}"
    if line.error is not None:
        sentence = f"{sentence.rstrip(': ')}: {line.error}; Traceback: {', '.join(line.frames) or 'none'}"
    if line.incident is not None and line.incident not in line.text:
        sentence += f" (incident {line.incident})"
    return sentence if line.trace_id is None else f"{sentence} (trace {line.trace_id})"
