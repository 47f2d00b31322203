"""The checks that come before anything is made or bound."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from justchat.bus.check import BusAway
from justchat.config.settings import Settings
from justchat.errors import StartupError
from justchat.outbound.s3.preflight import BucketAway, check_bucket
from justchat.runtime.data_dir import SECRET_KEY, Owner, check_owner, check_restored, check_secret
from justchat.runtime.mongod_binary import find_binary
from justchat.store.mongo.uri import check_reachable
from justchat.wiring.bus import check_bus_of
from justchat.wiring.settings_check import faults_of_settings
from justchat.wiring.words import load_word_list


def endpoints_of_settings(settings: Settings) -> dict[str, str]:
    """The endpoints to listen on, by their table of the settings."""
    endpoints = {"http": settings.http.endpoint, "websocket": settings.websocket.endpoint}
    return endpoints if settings.server.endpoint is None else {**endpoints, "server": settings.server.endpoint}


def endpoints_of_metrics(settings: Settings) -> dict[str, str]:
    """The endpoint of ``[metrics]``, by that table, if there is one. It is the parent's where there are workers."""
    return {} if settings.metrics.endpoint is None else {"metrics": settings.metrics.endpoint}


def all_endpoints(settings: Settings) -> dict[str, str]:
    """Both."""
    return {**endpoints_of_settings(settings), **endpoints_of_metrics(settings)}


def owner_of(twistd: Mapping[str, Any]) -> Owner:
    """The user and group that the daemon runs as once its ports are bound (``twistd --uid --gid``)."""
    return Owner(twistd.get("uid"), twistd.get("gid"))


def check_start(settings: Settings, twistd: Mapping[str, Any]) -> list[str]:
    """Raises StartupError with the faults that show without making or binding anything, and the warnings, a line each.

    Returns the warnings where they are all: they do not keep the daemon from starting.
    """
    owner = owner_of(twistd)
    faults = faults_of_settings(settings, all_endpoints(settings))
    warnings: list[str] = []
    checks: list[Callable[[], list[str] | None]] = [
        partial(_check_database, settings),
        partial(_warnings_of_bus, settings),
        partial(_check_data_dir, settings, owner),
        partial(_check_pid_file, twistd),
        partial(_check_words, settings),
        partial(_warnings_of_pictures, settings),
    ]
    for check in checks:
        try:
            warnings += check() or ()
        except StartupError as error:
            faults.append(str(error))
    if faults:
        raise StartupError("\n".join([*faults, *warnings]))
    return warnings


def _check_database(settings: Settings) -> None:
    if settings.mongo.uri is not None:
        check_reachable(settings.mongo.uri)
    else:
        find_binary(settings.mongo.binary)


def _check_data_dir(settings: Settings, owner: Owner) -> None:
    check_owner(settings.data_dir, owner)
    check_restored(settings.data_dir)
    if settings.payments.secret_key is None:
        check_secret(settings.data_dir / SECRET_KEY, owner)


def _check_pid_file(twistd: Mapping[str, Any]) -> None:
    file = twistd.get("pidfile")
    if not file or twistd.get("chroot"):
        return
    if not os.access(file if os.path.exists(file) else os.path.dirname(os.path.abspath(file)), os.W_OK):
        raise StartupError(f"--pidfile: {file} cannot be written; name another file, or none with --pidfile=")


def _check_words(settings: Settings) -> None:
    load_word_list(settings)


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
    """A bus that is away keeps nobody from chatting, so it is a warning. Raises StartupError where it is refused."""
    if settings.bus.uri is None or settings.payments.secret_key is None:  # the latter is a fault already
        return []
    warnings = []
    try:
        check_bus_of(settings)
    except BusAway as error:
        warnings.append(f"{error}; until it is there, events of other daemons come up to two seconds late")
    if settings.mongo.uri is None:
        warnings.append(
            "[bus] uri: joins daemons that share a database, and the embedded one is this daemon's alone; give [mongo]"
            " uri too"
        )
    return warnings
