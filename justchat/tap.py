"""``twistd justchat``: the command line."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from twisted.application.service import IService
from twisted.python import usage

from justchat import __version__
from justchat.errors import StartupError
from justchat.runtime.gc_tuning import collections_paused

if TYPE_CHECKING:
    from justchat.config.settings import Settings


class Options(usage.Options):
    """The options of docs/protocol.rst, "The daemon". An option overrides the settings file."""

    optParameters = [
        ["config", None, None, "TOML file with every setting"],
        ["http", None, None, "endpoint of the API, as tcp:4000 (the default)"],
        ["websocket", None, None, "endpoint of the WebSocket's own port, as tcp:8000 (the default)"],
        [
            "data-dir",
            None,
            None,
            "uploads, SMS outbox, secrets, embedded database; ./justchat-data by default",
        ],
        ["mongo", None, None, "URI of an existing MongoDB; by default a private one is started"],
        ["bus", None, None, "URI of the bus that joins several daemons; by default there is one daemon"],
        ["workers", None, None, "processes of this daemon, or auto: one for each core"],
    ]
    optFlags = [["check-config", None, "check the settings, print what is wrong, and exit"]]

    settings: "Settings"
    load: "Callable[[], Settings]"
    """Reads the settings anew."""

    def opt_version(self) -> None:
        """Show JustChat's version, and exit."""
        print(f"JustChat {__version__}")
        raise SystemExit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        _end_quietly_by_ctrl_c()
        # twistd answers a UsageError with its whole help and exit code 0.
        try:
            super().parseOptions(options)
        except (usage.UsageError, StartupError) as error:
            raise _refused(error) from error

    def parseArgs(self, *args: str) -> None:
        if args:
            raise usage.UsageError(f"unexpected: {' '.join(args)}")

    def postOptions(self) -> None:
        # Imported here, so that Ctrl-C ends the process quietly from early on.
        with collections_paused():
            from justchat.config.settings import load_settings

        overrides: dict[str, dict[str, Any]] = {}
        for option, table, key in (
            ("http", "http", "endpoint"),
            ("websocket", "websocket", "endpoint"),
            ("mongo", "mongo", "uri"),
            ("bus", "bus", "uri"),
            ("workers", "http", "workers"),
        ):
            if self[option] is not None:
                overrides.setdefault(table, {})[key] = self[option]
        if str(self["workers"]).isdecimal():
            overrides["http"]["workers"] = int(self["workers"])
        self.load = partial(load_settings, self["config"], overrides, self["data-dir"])
        self.settings = self.load()
        # twistd may change its folder before a reload (--rundir).
        file = None if self["config"] is None else os.path.abspath(self["config"])
        self.load = partial(load_settings, file, overrides, str(self.settings.data_dir))
        from justchat.runtime.logs.output import log_as_set

        log_as_set(self.settings, self.parent)
        if self["check-config"]:
            from justchat.service.preflight import check_start

            if warnings := check_start(self.settings, self.parent or {}):
                raise StartupError("\n".join(warnings))
            print("justchat: nothing is wrong with the settings")
            raise SystemExit(0)


def makeService(options: Options) -> IService:
    """The daemon, ready to be started by twistd."""
    from twisted.internet import reactor

    # Timers need a monotonic clock. Twisted uses the wall clock: setting it back by an hour stops every timer for an
    # hour, and setting it forward ends every wait with a time-out.
    reactor.seconds = monotonic  # type: ignore[method-assign]
    try:
        return _make_root(options.settings, options.parent, options.load)
    except StartupError as error:
        raise _refused(error) from error


def _make_root(settings: "Settings", twistd: Mapping[str, Any] | None, load: "Callable[[], Settings]") -> IService:
    # The parent of several workers needs little of what a daemon does.
    with collections_paused():
        if settings.http.workers > 1:
            from justchat.service.group.parent import make_parent as make
        else:
            from justchat.service.daemon import make_daemon as make
    return make(settings, twistd, load)


def _refused(error: Exception) -> SystemExit:
    from justchat.runtime.logs.output import is_journal

    # Nothing has begun to log yet.
    begin = "<2>justchat: " if is_journal(sys.stderr, os.environ) else "justchat: "
    return SystemExit("\n".join(f"{begin}{line}" for line in str(error).splitlines()))


def _end_quietly_by_ctrl_c() -> None:
    # There is nothing to undo yet, and a traceback would help nobody. Daemon.startService gives Ctrl-C to the reactor.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
