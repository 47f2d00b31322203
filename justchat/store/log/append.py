"""One append: a proposal, the caller who waits for it, and the outcome.

Invariant: an append has one outcome, and its caller gets it once. While nothing is decided, the caller may get
DatabaseAway after APPEND_TIMEOUT; once ``is_decided``, the caller gets what was decided.
"""

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Generic

from attrs import define, field
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from justchat.errors import DatabaseAway
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.store.log.stream_head import S, StreamHead

APPEND_TIMEOUT = 4.5
"""Seconds an append waits for the database before its caller gets a 503."""
STOOD_STILL = 0.5
"""Seconds of delay of a timer, by which this process knows that it was suspended, or its machine was."""
GRACE = 1.0
"""Seconds that appends wait longer then: answers of the database that came meanwhile have not been read."""


@define(eq=False)
class Append(Generic[S]):
    """A proposal for a stream, on its way into the log."""

    stream: Id
    propose: Callable[[S, int], Entry | None]
    outcome: "Deferred[tuple[S, Entry | None]]" = field(factory=Deferred)
    head: StreamHead[S] | None = None
    """In a batch: the stream's head after it."""
    entry: Entry | None = None
    """The entry that it makes, if any."""
    document: bytes = b""
    """The document of that entry, in BSON."""
    refusal: Failure | None = None
    is_decided: bool = False
    """Its outcome is final, and its caller is about to get it."""
    is_published: bool = False
    """Its entry was found and published while the log was read for entries of other daemons."""

    @property
    def is_void(self) -> bool:
        """Whether its entry, if any, is void."""
        return self.entry is None or self.entry.kind is Kind.VOID

    def answer(self) -> None:
        """Give the caller what was decided."""
        if self.refusal is not None:
            self.fail(self.refusal)
        elif self.head is not None and not self.outcome.called:
            self.outcome.callback((self.head.state, self.entry))

    def fail(self, failure: Failure) -> None:
        """Give the caller an error, unless they have their outcome."""
        if not self.outcome.called:
            self.outcome.errback(failure)


class Deadlines(Generic[S]):
    """Fails the appends that wait too long. One timer does for all: they are in the order of their arrival."""

    def __init__(self) -> None:
        self._pending: deque[tuple[float, Append[S]]] = deque()
        self._timer: IDelayedCall | None = None
        self._expires_at = 0.0

    def add(self, append: Append[S]) -> None:
        self._pending.append((reactor.seconds() + APPEND_TIMEOUT, append))
        if self._timer is None:
            self._start_timer()

    def _start_timer(self) -> None:
        if self._pending and self._timer is None:
            now = reactor.seconds()
            self._expires_at = max(self._pending[0][0], now)
            self._timer = reactor.callLater(self._expires_at - now, self._expire)

    def _expire(self) -> None:
        if reactor.seconds() - self._expires_at > STOOD_STILL:
            self._timer = reactor.callLater(GRACE, self._expire)
            self._expires_at = inf  # once
            return
        self._timer = None
        expired: list[Append[S]] = []
        while self._pending and self._pending[0][0] <= reactor.seconds():
            expired.append(self._pending.popleft()[1])
        self._start_timer()  # first: a caller who is failed may come again at once
        for append in expired:
            if not append.is_decided:
                append.fail(Failure(DatabaseAway()))
        self.forget_answered()

    def forget_answered(self) -> None:
        """Drop the oldest appends as far as they have their outcome. The timer stays: the next append needs it."""
        pending = self._pending
        while pending and pending[0][1].outcome.called:
            pending.popleft()

    def stop(self) -> None:
        """There are no more appends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def fail_undecided(self) -> None:
        """Fail every append that is not decided, those of the batch in flight too."""
        for _, append in tuple(self._pending):  # a caller who is failed may come again at once
            if not append.is_decided:
                append.fail(Failure(DatabaseAway()))
