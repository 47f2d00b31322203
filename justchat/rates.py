"""How often somebody may call: windows in memory, a float for each caller.

The window slides (the generic cell rate algorithm): what is kept of a caller is the time at which all of what they
did will be forgotten. ``limits``, the library, was measured first: its memory storage starts a thread at nearly
every call, the first before twistd forks, to look through every caller there is.
"""

from collections.abc import Callable, Hashable, Mapping
from math import ceil

from justchat.errors import TooManyRequests
from justchat.model.rate import Rate

KEPT = 20_000
"""Callers of one rate that are surely remembered; those who were silent while twice as many others called are not."""


class Window:
    """One rate, for any number of callers."""

    def __init__(self, name: str, rate: Rate, seconds: Callable[[], float]) -> None:
        self._name = name
        self._rate = rate
        self._seconds = seconds
        self._each = rate.seconds / rate.most
        self._late: dict[Hashable, float] = {}
        self._early: dict[Hashable, float] = {}

    def hit(self, caller: Hashable) -> None:
        """Count one of this caller's. Raises TooManyRequests where that is one too many, and counts it not."""
        now = self._seconds()
        until = self._late.get(caller)
        if until is None:
            until = self._early.get(caller, now)
        until = (until if until > now else now) + self._each
        # A little more than the period, for the sums of fractions.
        ahead = until - now - self._rate.seconds
        allowed = ahead <= 1e-6
        self._late[caller] = until if allowed else until - self._each
        if len(self._late) >= KEPT:
            self._early, self._late = self._late, {}
        if not allowed:
            raise TooManyRequests(self._name, *self._rate, ceil(ahead))


class Rates:
    """The rates of calls by their class, for each session, and for each address, which many sessions may share."""

    def __init__(self, rates: Mapping[str, Rate | None], share: int, seconds: Callable[[], float]) -> None:
        self._of_session = {name: Window(name, rate, seconds) for name, rate in rates.items() if rate}
        self._of_address = {
            name: Window(f"{name}-address", rate if name == "sign_in" else rate.times(share), seconds)
            for name, rate in rates.items()
            if rate
        }

    def hit_address(self, name: str, address: str) -> None:
        """A call of this class from an address. Raises TooManyRequests."""
        window = self._of_address.get(name)
        if window is not None:
            window.hit(address)

    def hit_session(self, name: str, session: str) -> None:
        """A call of this class in a session. Raises TooManyRequests."""
        window = self._of_session.get(name)
        if window is not None:
            window.hit(session)
