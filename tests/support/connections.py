"""A connection that keeps what it is sent."""

from typing import Any

from attrs import define, field
from zope.interface import implementer

from justchat.interfaces.realtime import IConnection
from justchat.model.user import Session
from justchat.protocol.encoded_events import EncodedBatch, EncodedEvent


@implementer(IConnection)
@define(eq=False)
class Hearer:
    """A connection of the least kind there is."""

    session: Session | None = None
    wire: Any = None
    heard: list[str] = field(factory=list)
    closed: int | None = None

    bursts: int = 0

    def send(self, frame: EncodedEvent) -> None:
        self.heard.append(frame.text.decode())

    def send_batch(self, burst: EncodedBatch) -> None:
        assert burst.websocket.count(b"\x81") == len(burst.frames), "a frame was added after they were joined"
        self.bursts += 1
        for frame in burst.frames:
            self.send(frame)

    def close(self, code: int, reason: str) -> None:
        self.closed = code
