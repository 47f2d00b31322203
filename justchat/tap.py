"""``twistd justchat``: the command line."""

from collections.abc import Sequence
from time import monotonic
from typing import Any

from twisted.application.service import IService
from twisted.python import usage

from justchat.config import Settings, load_settings
from justchat.errors import StartupError


class Options(usage.Options):
    """The options of docs/protocol.rst, "The daemon"; one on the command line wins over the file."""

    optParameters = [
        ["config", None, None, "TOML file with every setting"],
        ["http", None, None, "endpoint of the API, as tcp:4000 (the default)"],
        ["websocket", None, None, "endpoint of the socket's own port, as tcp:8000 (the default)"],
        [
            "data-dir",
            None,
            None,
            "uploads, SMS outbox, secrets, embedded database; ./justchat-data by default",
        ],
        ["mongo", None, None, "URI of an existing MongoDB; by default a private one is started"],
        ["bus", None, None, "URI of the bus that joins several daemons; by default there is one process"],
    ]

    settings: Settings

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        # twistd answers a UsageError with its whole help and exit code 0.
        try:
            super().parseOptions(options)
        except (usage.UsageError, StartupError) as error:
            raise SystemExit(f"justchat: {error}") from error

    def parseArgs(self, *args: str) -> None:
        if args:
            raise usage.UsageError(f"unexpected: {' '.join(args)}")

    def postOptions(self) -> None:
        overrides: dict[str, dict[str, Any]] = {}
        for option, table, key in (
            ("http", "http", "endpoint"),
            ("websocket", "websocket", "endpoint"),
            ("mongo", "mongo", "uri"),
            ("bus", "bus", "uri"),
        ):
            if self[option] is not None:
                overrides.setdefault(table, {})[key] = self[option]
        self.settings = load_settings(self["config"], overrides, self["data-dir"])


def makeService(options: Options) -> IService:
    """The daemon, ready to be started by twistd."""
    from twisted.internet import reactor

    from justchat.service import make_daemon

    # Timers go by a clock that nobody sets. Twisted's is the wall clock: set back an hour, it stops every timer for an
    # hour; set forward, it ends whatever waits for an answer.
    reactor.seconds = monotonic  # type: ignore[method-assign]
    try:
        return make_daemon(options.settings, options.parent)
    except StartupError as error:
        raise SystemExit(f"justchat: {error}") from error
