"""A connection that records what it is sent."""

from typing import Any

from attrs import define, field
from zope.interface import implementer

from justchat.interfaces.realtime import IConnection
from justchat.model.ids import Id
from justchat.model.user import Session
from justchat.protocol.encoded_events import EncodedBatch, EncodedEvent


@implementer(IConnection)
@define(eq=False)
class RecordingConnection:
    """The smallest connection: it records the events that it is sent."""

    session: Session | None = None
    last_user: Id | None = None
    wire: Any = None
    received: list[str] = field(factory=list)
    closed: int | None = None
    awaits_position: bool = False

    batches: int = 0

    def send(self, event: EncodedEvent) -> None:
        if self.closed is None:
            self.received.append(event.text.decode())

    def send_batch(self, batch: EncodedBatch) -> None:
        assert batch.websocket.count(b"\x81") == len(batch.events), "an event was added after the frames were joined"
        self.batches += 1
        for event in batch.events:
            self.send(event)

    def close(self, code: int, reason: str) -> None:
        self.closed = code
