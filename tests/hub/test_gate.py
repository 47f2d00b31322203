"""A gate holds live events back, and lets those through that are due."""

from typing import Any

from twisted.trial.unittest import TestCase

from justchat.hub import gate
from justchat.hub.gate import Gate
from justchat.model.ids import Id, new_id
from justchat.protocol.close_codes import CloseCode
from justchat.protocol.encoded_events import EncodedBatch, EncodedEvent


class Connection:
    """What a gate passes on to."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self.closed: list[int] = []

    def send(self, event: EncodedEvent) -> None:
        self.received.append(event.seq)

    def close(self, code: int, reason: str) -> None:
        self.closed.append(code)


class Gates(TestCase):
    def setUp(self) -> None:
        self.room = new_id()
        self.connections: Any = [Connection(), Connection()]
        self.gate = Gate(lambda: self.connections)

    def event(self, seq: int, stream: Id | None = None) -> EncodedEvent:
        return EncodedEvent(b"{}", stream or self.room, seq)

    def received(self) -> list[list[int]]:
        return [connection.received for connection in self.connections]

    def test_held(self) -> None:
        """Nothing passes until it is opened; then what is due passes in order, and so does what comes later."""
        for seq in (4, 5, 6):
            self.gate.send(self.event(seq))
        self.assertEqual([[], []], self.received())

        self.gate.open(lambda event: event.seq > 4)
        self.gate.send(self.event(3))
        batch = EncodedBatch(self.event(7))
        batch.events.append(self.event(8))
        self.gate.send_batch(batch)

        self.assertEqual([[5, 6, 7, 8]] * 2, self.received())

    def test_drained(self) -> None:
        """What is added while the held events are taken comes last; each comes once."""
        self.gate.send(self.event(1))
        drained = []

        for event in self.gate.drain(lambda event: True):
            drained.append(event.seq)
            if event.seq < 3:
                self.gate.send(self.event(event.seq + 1))

        self.assertEqual([1, 2, 3], drained)
        self.assertEqual([], list(self.gate.drain(lambda event: True)))

    def test_too_many(self) -> None:
        """With more than MOST_HELD bytes the connections are closed, and nothing of what was held is sent."""
        self.patch(gate, "MOST_HELD", 5)
        for seq in (1, 2, 3):
            self.gate.send(self.event(seq))

        self.gate.open(lambda event: True)

        self.assertEqual([[CloseCode.TOO_SLOW]] * 2, [connection.closed for connection in self.connections])
        self.assertEqual([[], []], self.received())
