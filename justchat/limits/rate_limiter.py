"""How often somebody may call: windows in memory, a float for each caller.

The window slides (the generic cell rate algorithm): what is kept of a caller is the time at which all of what they
did will be forgotten. ``limits``, the library, was measured first: its memory storage starts a thread at nearly
every call, the first before twistd forks, to look through every caller there is.
"""

from collections.abc import Callable, Hashable, Mapping
from math import ceil

from justchat.errors import TooManyRequests
from justchat.model.rate import Rate

BY_ADDRESS = frozenset({"sign_in", "get"})
"""Rates of what is done without a session."""
KEPT = 20_000
"""Callers of one rate that are surely remembered; those who were silent while twice as many others called are not."""

KEPT_BESIDE = 512
"""Bytes that a kept answer costs by itself: its key, its request's digest, its places in indexes."""


class Window:
    """One rate, for any number of callers."""

    def __init__(self, name: str, rate: Rate, seconds: Callable[[], float]) -> None:
        self._name = name
        self._rate = rate
        self._seconds = seconds
        self._each = rate.seconds / rate.most
        self._late: dict[Hashable, float] = {}
        self._early: dict[Hashable, float] = {}

    def hit(self, caller: Hashable, amount: int = 1) -> None:
        """Count one of this caller's. Raises TooManyRequests where that is one too many, and counts it not."""
        ahead = self.charge(caller, amount)
        # A little more than the period, for the sums of fractions.
        if ahead > 1e-6:
            self._late[caller] -= self._each * amount
            raise TooManyRequests(self._name, *self._rate, ceil(ahead))

    def charge(self, caller: Hashable, amount: int) -> float:
        """Count what has been done already; the seconds until as much as that would have been allowed."""
        now = self._seconds()
        until = self._late.get(caller)
        if until is None:
            until = self._early.get(caller, now)
        until = (until if until > now else now) + self._each * amount
        if len(self._late) >= KEPT:
            self._early, self._late = self._late, {}
        self._late[caller] = until
        return until - now - self._rate.seconds


class RateLimiter:
    """The rates of calls by their class, for each session, and for each address, which many sessions may share."""

    def __init__(
        self,
        rates: Mapping[str, Rate | None],
        share: int,
        seconds: Callable[[], float],
        kept: Rate | None = None,
    ) -> None:
        self._kept = Window("kept-answers", kept, seconds) if kept else None
        self._of_session = {name: Window(name, rate, seconds) for name, rate in rates.items() if rate}
        self._of_address = {
            name: Window(f"{name}-address", rate if name in BY_ADDRESS else rate.times(share), seconds)
            for name, rate in rates.items()
            if rate
        }

    def hit_kept(self, caller: str) -> None:
        """The answer to a call of this caller is to be kept. Raises TooManyRequests."""
        if self._kept is not None:
            self._kept.hit(caller, KEPT_BESIDE)

    def charge_kept(self, caller: str, size: int) -> None:
        """So many bytes of it are kept."""
        if self._kept is not None:
            self._kept.charge(caller, size)

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
