"""The limits that several daemons count together."""

from collections.abc import Callable
from typing import Any

from attrs import frozen

from justchat.config.settings import Settings
from justchat.interfaces.bus import IBus
from justchat.limits.other_daemons import OtherDaemonsOf, no_other_daemons
from justchat.limits.rate_limiter import MakeWindow, SlidingWindow
from justchat.limits.shared_counts import SharedCounts


@frozen
class Counting:
    """How rates and connections are counted; ``shared`` is None for a daemon that counts alone."""

    shared: SharedCounts | None
    make_window: MakeWindow
    others: OtherDaemonsOf


def make_counting(
    settings: Settings, bus: IBus | None, data_dir_id: str, reactor: Any, worker: Callable[[], str]
) -> Counting:
    """With ``[limits] shared`` all daemons of the bus count together. Otherwise the workers of one data directory do.

    ``data_dir_id`` is an id of the data directory alone; ``worker`` names a worker on it, and is empty where there are
    none.
    """
    limits = settings.limits
    if bus is None or not limits.enabled or not (limits.shared or settings.http.workers > 1):
        return Counting(None, SlidingWindow, no_other_daemons)

    def slot() -> str:
        name = worker()
        return f"{data_dir_id} {name}" if name else ""

    shared = SharedCounts(bus, "" if limits.shared else data_dir_id, reactor, slot)
    return Counting(shared, shared.window, shared.table)
