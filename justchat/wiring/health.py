"""What ``/readyz`` tells of the parts of a daemon."""

from collections.abc import Awaitable, Callable
from typing import Any

from justchat.config.settings import Settings
from justchat.http.health import Health
from justchat.interfaces.bus import IBus
from justchat.runtime.disk import DiskState
from justchat.workers.images import Images
from justchat.workers.passwords import Passwords


def make_health(
    settings: Settings,
    *,
    ping_database: Callable[[], Awaitable[None]],
    bus: IBus | None,
    images: Images,
    passwords: Passwords,
    reactor: Any,
) -> Health:
    """``ping_database`` raises while the database is away."""
    states: dict[str, Callable[[], str]] = {}
    if bus is not None:
        states["bus"] = lambda: "away" if bus.is_away() else "up"
    # Of a daemon without workers, too: the processes that work for it.
    states["workers"] = lambda: "up" if images.process.is_ready and passwords.process.is_ready else "away"
    states["disk"] = DiskState(settings.data_dir, settings.uploads.free_space, reactor.seconds)
    return Health(ping_database, states)
