"""A gate: replaces connections while they are sent what they have missed, and holds the live events back."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence

from zope.interface import implementer

from justchat.interfaces.realtime import IConnection
from justchat.model.user import Session
from justchat.protocol.close_codes import CloseCode
from justchat.protocol.encoded_events import EncodedBatch, EncodedEvent

MOST_HELD = 1024 * 1024
"""Bytes of live events that a gate holds back. With more, its connections are closed (TOO_SLOW)."""


@implementer(IConnection)
class Gate:
    """Replaces what ``connections`` returns, in the registry or in a room, until it is opened."""

    wire = None

    def __init__(self, connections: Callable[[], Sequence[IConnection]], session: Session | None = None) -> None:
        self.session = session
        self.last_user = None if session is None else session.user
        self.awaits_position = False
        self._connections = connections
        self._held: deque[EncodedEvent] = deque()
        self._bytes = 0
        self._is_due: Callable[[EncodedEvent], bool] | None = None

    def send(self, event: EncodedEvent) -> None:
        if self._is_due is not None:  # the event was queued for the gate, which has been opened since
            if self._is_due(event):
                self._pass_on(event)
            return
        self._bytes += len(event.text)
        if self._bytes > MOST_HELD:
            self._held.clear()
            self.close(CloseCode.TOO_SLOW, "too many events during a replay")
        else:
            self._held.append(event)

    def send_batch(self, batch: EncodedBatch) -> None:
        for event in batch.events:
            self.send(event)

    def drain(self, is_due: Callable[[EncodedEvent], bool]) -> Iterator[EncodedEvent]:
        """The held events that are due, one by one, with those that are added meanwhile."""
        while self._held:
            event = self._held.popleft()
            self._bytes -= len(event.text)
            if is_due(event):
                yield event

    def open(self, is_due: Callable[[EncodedEvent], bool]) -> None:
        """Send the held events that are due, and from now on each such event at once."""
        self._is_due = is_due
        for event in self.drain(is_due):
            self._pass_on(event)

    def _pass_on(self, event: EncodedEvent) -> None:
        for connection in self._connections():
            connection.send(event)

    def full(self) -> Awaitable[None] | None:
        return None

    def close(self, code: int, reason: str) -> None:
        for connection in self._connections():
            connection.close(code, reason)
