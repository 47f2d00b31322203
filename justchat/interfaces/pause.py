"""Pauses between the steps of work that nobody waits for."""

from collections.abc import Awaitable, Callable

Pause = Callable[[], Awaitable[None]]
"""Waits between two steps, for as long as leaves the others' calls alone. Raises Stopping."""


class Stopping(Exception):
    """The work ends at this step: the daemon stops, or another one does it. Whoever is next does the rest."""


async def no_pause() -> None:
    """The pause of work that somebody waits for."""
