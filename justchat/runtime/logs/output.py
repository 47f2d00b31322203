"""Where the log goes: twistd's stdout or file, in the format of the settings, from the level of the settings on."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from io import TextIOWrapper
from typing import Any

from twisted.logger import ILogObserver
from twisted.python.logfile import LogFile
from zope.interface import implementer

from justchat.config.log import LogFormat
from justchat.config.settings import Settings
from justchat.runtime.logs.lines import PRIORITIES, LogLine, journal_line, json_line, level_of, line_of, text_line
from justchat.runtime.logs.redaction import Redactor


@implementer(ILogObserver)
class LogOutput:
    """Twisted's observer that writes the log. ``write`` is called with each line, without its end."""

    def __init__(self) -> None:
        self._format: Callable[[LogLine], str] = text_line
        self._least = PRIORITIES["info"]
        self._redact = Redactor()
        self.write: Callable[[str], object] = lambda line: None
        self.open: Callable[[], None] = lambda: None
        """Begins to write where twistd's options say."""

    def configure(self, settings: Settings) -> None:
        """Log by these settings from now on. The format stays as it was begun."""
        self._least = PRIORITIES[settings.log.level]
        self._redact = Redactor(settings)

    def begin(self, format: Callable[[LogLine], str], write: Callable[[str], object]) -> None:
        """Write lines in this format."""
        self._format = format
        self.write = write

    def __call__(self, event: Mapping[str, Any]) -> None:
        if PRIORITIES[level_of(event)] <= self._least:
            self.write(self._format(line_of(event, self._redact)))


LOG = LogOutput()
"""That of this process. It is one for all, as Twisted's log is."""


def log_as_set(settings: Settings, twistd: Any) -> None:
    """Let twistd, which has these options, log as the settings say. ``--logger`` and ``--syslog`` are left alone."""
    LOG.configure(settings)
    if twistd is None or twistd.get("logger") or twistd.get("syslog"):
        return
    LOG.open = partial(_open, settings.log.format, twistd)
    twistd["logger"] = f"{__name__}.{opened_log.__name__}"  # as with --logger, a name


def opened_log() -> LogOutput:
    """The log of this process, opened. twistd calls it."""
    LOG.open()
    return LOG


def _open(format: LogFormat, twistd: Mapping[str, Any]) -> None:
    logfile = twistd.get("logfile") or ("-" if twistd.get("nodaemon") else "twistd.log")
    if logfile != "-":
        try:
            file = LogFile.fromFullPath(logfile)
        except OSError as error:
            raise SystemExit(f"justchat: --logfile: {logfile}: {error.strerror}") from error
        _rotate_by_signal(file)
        LOG.begin(_format_of(format, None), _writer(file))
    elif twistd.get("nodaemon"):
        if isinstance(sys.stdout, TextIOWrapper):  # a line with a letter that the locale lacks is no lost line
            sys.stdout.reconfigure(errors="backslashreplace")
        _rotate_by_signal(None)
        LOG.begin(_format_of(format, sys.stdout), _writer(sys.stdout))
    else:
        raise SystemExit("justchat: --logfile: a daemon in the background cannot log to stdout")


def _writer(file: Any) -> Callable[[str], None]:
    def write(line: str) -> None:
        file.write(line + "\n")
        file.flush()

    return write


def _rotate_by_signal(file: LogFile | None) -> None:
    """Rotate the log at SIGUSR1. Where it is no file, the signal does nothing; by itself it would end the daemon."""
    if not signal.getsignal(signal.SIGUSR1):  # as twistd does

        def rotate(*_: object) -> None:
            from twisted.internet import reactor

            if file is not None:
                reactor.callFromThread(file.rotate)  # type: ignore[attr-defined]

        signal.signal(signal.SIGUSR1, rotate)


def _format_of(format: LogFormat, stream: Any) -> Callable[[LogLine], str]:
    if format == "json":
        return json_line
    return journal_line if is_journal(stream, os.environ) else text_line


def is_journal(stream: Any, environ: Mapping[str, str]) -> bool:
    """Whether journald reads a stream: $JOURNAL_STREAM has its device and inode (systemd.exec(5))."""
    with suppress(OSError, ValueError, AttributeError):
        there = os.fstat(stream.fileno())
        return environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"
    return False
