"""What keeps a daemon with these settings from starting, as far as the settings alone show it."""

from collections.abc import Callable, Mapping
from functools import partial

from twisted.internet import reactor

from justchat.config.settings import Settings
from justchat.errors import StartupError
from justchat.runtime.endpoints import server_of


def faults_of_settings(settings: Settings, endpoints: Mapping[str, str]) -> list[str]:
    """The faults, a line each. ``endpoints`` are those to look at, by table of the settings."""
    checks: list[Callable[[], object]] = [
        *(partial(server_of, table, endpoint, reactor) for table, endpoint in endpoints.items()),
        partial(_check_shared_limits, settings),
        partial(_check_key_of_all, settings),
    ]
    faults = []
    for check in checks:
        try:
            check()
        except StartupError as error:
            faults.append(str(error))
    return faults


def _check_shared_limits(settings: Settings) -> None:
    if settings.limits.shared and settings.bus.uri is None and settings.http.workers == 1:
        raise StartupError("[limits] shared: needs a [bus] uri, over which daemons count together")


def _check_key_of_all(settings: Settings) -> None:
    if settings.bus.uri is not None and settings.payments.secret_key is None:
        raise StartupError(
            "[bus] uri: needs [payments] secret_key, the same for all daemons; a generated one is this daemon's alone"
        )
