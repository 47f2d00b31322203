"""The publication of a batch: what is decided is published, here and to other daemons, and answered.

Invariant: entries are published in the order in which they were decided, and each caller is answered after the entries
of the same batch are published.
"""

from collections import deque
from typing import Generic

from twisted.internet import reactor
from twisted.internet.task import deferLater

from justchat.store.log.announcements import Announcements
from justchat.store.log.append import Append, Deadlines
from justchat.store.log.heads import Heads
from justchat.store.log.stream_head import S

PUBLISH_SLICE = 0.003
"""Seconds of publishing after which the reactor does other work first."""


class Publication(Generic[S]):
    """Publishes the appends that are ``waiting``: those of the last batch that are decided."""

    def __init__(self, heads: Heads[S], deadlines: Deadlines[S], announcements: Announcements | None) -> None:
        self._heads = heads
        self._deadlines = deadlines
        self._announcements = announcements
        self.waiting: deque[Append[S]] = deque()

    async def publish(self) -> None:
        """Publish the entries that are decided, then answer the callers; in slices, with other work between."""
        until = reactor.seconds() + PUBLISH_SLICE
        published: list[Append[S]] = []
        while self.waiting:
            append = self.waiting.popleft()
            self._publish_entry(append)
            published.append(append)
            if reactor.seconds() > until:
                await deferLater(reactor, 0)
                until = reactor.seconds() + PUBLISH_SLICE
        for append in published:
            append.answer()
            if reactor.seconds() > until:
                await deferLater(reactor, 0)
                until = reactor.seconds() + PUBLISH_SLICE
        self._deadlines.forget_answered()

    def publish_at_once(self) -> None:
        """Publish and answer what is decided without a pause. What arrived during one would wait for the next batch."""
        while self.waiting:
            self._publish_entry(self.waiting[0])
            self.waiting.popleft().answer()

    def _publish_entry(self, append: Append[S]) -> None:
        head, entry = append.head, append.entry
        if head is None or entry is None:
            return
        if not append.is_published and not self._heads.is_published(entry):
            self._heads.advance(head, entry)
        self._heads.publish_own(head.state, entry)
        if self._announcements is not None:
            self._announcements.announce(entry.stream, entry.seq, append.document)
