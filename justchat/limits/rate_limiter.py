"""Rate limits of calls: sliding windows in memory, one float per caller.

The algorithm is the generic cell rate algorithm (GCRA). A caller's float is the time at which all of their calls are
forgotten. The library ``limits`` was measured first: its memory storage starts a thread at nearly every call, to look
through all callers, and the first of these threads before twistd forks.
"""

from collections.abc import Callable, Hashable, Mapping
from math import ceil

from justchat.errors import TooManyRequests
from justchat.metrics.declarations import RATE_REFUSALS
from justchat.model.rate import Rate

BY_ADDRESS = frozenset({"sign_in", "get", "server"})
"""The classes of calls without a session. Their rate is that of an address, too."""
CALLERS_KEPT = 20_000
"""Callers that one rate is sure to remember. It forgets a caller who was silent while twice as many others called."""

ANSWER_OVERHEAD = 512
"""Bytes that a stored answer takes besides its body: its key, the request's digest and the index entries."""


class SlidingWindow:
    """One rate, for any number of callers. ``seconds`` is a monotonic clock."""

    def __init__(self, name: str, rate: Rate, seconds: Callable[[], float]) -> None:
        self.name = name
        self._seconds = seconds
        self.change(rate)
        self._recent: dict[Hashable, float] = {}
        RATE_REFUSALS.count(name, by=0)  # shown from the start
        self._older: dict[Hashable, float] = {}

    def change(self, rate: Rate) -> None:
        """Have this rate from now on. What was counted stays counted."""
        self._rate = rate
        self._each = rate.seconds / rate.most

    def hit(self, caller: Hashable, amount: int = 1) -> None:
        """Count ``amount`` for this caller. Raises TooManyRequests, and counts nothing, if that is too much."""
        ahead = self._add(caller, amount)
        # Sums of fractions are not exact.
        if ahead > 1e-6:
            self._recent[caller] -= self._each * amount
            RATE_REFUSALS.count(self.name)
            raise TooManyRequests(self.name, *self._rate, ceil(ahead))

    def charge(self, caller: Hashable, amount: int) -> float:
        """Count what has happened already; return the seconds until it would have been allowed, negative if it is."""
        return self._add(caller, amount)

    def _add(self, caller: Hashable, amount: int) -> float:
        now = self._seconds()
        until = self._recent.get(caller)
        if until is None:
            until = self._older.get(caller, now)
        until = (until if until > now else now) + self._each * amount
        if len(self._recent) >= CALLERS_KEPT:
            self._older, self._recent = self._recent, {}
        self._recent[caller] = until
        return until - now - self._rate.seconds


MakeWindow = Callable[[str, Rate, Callable[[], float]], SlidingWindow]
"""Makes a window by the name of its limit, its rate, and a monotonic clock."""


class RateLimiter:
    """The rates of calls by class: for each session, and for each address.

    Many sessions may share an address, so its rate is ``share`` times that of a session. ``kept`` is the rate of stored
    answers, in bytes. ``make_window`` makes the window of each rate.
    """

    def __init__(
        self,
        rates: Mapping[str, Rate | None],
        share: int,
        seconds: Callable[[], float],
        kept: Rate | None = None,
        make_window: MakeWindow = SlidingWindow,
    ) -> None:
        self._seconds = seconds
        self._make_window = make_window
        self._kept: SlidingWindow | None = None
        self._of_session: dict[str, SlidingWindow] = {}
        self._of_address: dict[str, SlidingWindow] = {}
        self.change(rates, share, kept)

    def change(self, rates: Mapping[str, Rate | None], share: int, kept: Rate | None) -> None:
        """Have these rates from now on. What was counted stays counted."""
        self._kept = self._changed(self._kept, "kept-answers", kept)
        for name, rate in rates.items():
            of_address = None if rate is None else rate if name in BY_ADDRESS else rate.times(share)
            for windows, called, each in (
                (self._of_session, name, rate),
                (self._of_address, f"{name}-address", of_address),
            ):
                window = self._changed(windows.pop(name, None), called, each)
                if window is not None:
                    windows[name] = window

    def _changed(self, window: SlidingWindow | None, name: str, rate: Rate | None) -> SlidingWindow | None:
        if rate is None:
            return None
        if window is None:
            return self._make_window(name, rate, self._seconds)
        window.change(rate)
        return window

    def hit_kept(self, caller: str) -> None:
        """Count an answer that is to be stored for this caller. Raises TooManyRequests."""
        if self._kept is not None:
            self._kept.hit(caller, ANSWER_OVERHEAD)

    def charge_kept(self, caller: str, size: int) -> None:
        """Count the bytes of an answer that was stored."""
        if self._kept is not None:
            self._kept.charge(caller, size)

    def hit_address(self, name: str, address: str) -> None:
        """Count a call of this class from an address. Raises TooManyRequests."""
        window = self._of_address.get(name)
        if window is not None:
            window.hit(address)

    def hit_session(self, name: str, session: str) -> None:
        """Count a call of this class in a session. Raises TooManyRequests."""
        window = self._of_session.get(name)
        if window is not None:
            window.hit(session)
