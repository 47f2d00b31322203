"""The checks that come before anything is made or bound."""

from collections.abc import Mapping
from typing import Any

from twisted.internet import reactor as default_reactor

from justchat.config.settings import Settings
from justchat.errors import StartupError
from justchat.outbound.s3.preflight import BucketAway, check_bucket
from justchat.runtime.data_dir import SECRET_KEY, Owner, check_owner, check_secret
from justchat.runtime.endpoints import server_of
from justchat.runtime.mongod import find_binary
from justchat.store.mongo.uri import check_reachable
from justchat.wiring.bus import check_bus_of


def endpoints_of_settings(settings: Settings) -> dict[str, str]:
    """The endpoints to listen on, by their table of the settings."""
    return {"http": settings.http.endpoint, "websocket": settings.websocket.endpoint}


def owner_of(twistd: Mapping[str, Any]) -> Owner:
    """The user and group that the daemon runs as once its ports are bound (``twistd --uid --gid``)."""
    return Owner(twistd.get("uid"), twistd.get("gid"))


def check_start(settings: Settings, twistd: Mapping[str, Any]) -> list[str]:
    """Raises StartupError for the first fault that shows without making or binding anything.

    Returns what does not keep the daemon from starting, a line each.
    """
    for table, endpoint in endpoints_of_settings(settings).items():
        server_of(table, endpoint, default_reactor)
    if settings.limits.shared and settings.bus.uri is None and settings.http.workers == 1:
        raise StartupError("[limits] shared: needs a [bus] uri, over which daemons count together")
    if settings.mongo.uri is not None:
        check_reachable(settings.mongo.uri)
    else:
        find_binary()
    warnings = [] if settings.bus.uri is None else _warnings_of_bus(settings)
    owner = owner_of(twistd)
    check_owner(settings.data_dir, owner)
    if settings.payments.secret_key is None:
        check_secret(settings.data_dir / SECRET_KEY, owner)
    return [*warnings, *_warnings_of_pictures(settings)]


def _warnings_of_pictures(settings: Settings) -> list[str]:
    """A bucket that is away keeps nobody from chatting, so it is a warning. Raises StartupError for wrong settings."""
    if settings.picture_store != "s3" or settings.uploads.s3 is None:
        return []
    try:
        check_bucket(settings.uploads.s3)
    except BucketAway as error:
        return [str(error)]
    return []


def _warnings_of_bus(settings: Settings) -> list[str]:
    """Raises StartupError where the bus cannot be used, or several daemons with these settings could not be one."""
    if settings.payments.secret_key is None:
        raise StartupError(
            "[bus] uri: needs [payments] secret_key, the same for all daemons; a generated one is this daemon's alone"
        )
    check_bus_of(settings)
    if settings.mongo.uri is None:
        return [
            "[bus] uri: joins daemons that share a database, and the embedded one is this daemon's alone; give [mongo]"
            " uri too"
        ]
    return []
