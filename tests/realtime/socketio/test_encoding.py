"""In a room of raw and Socket.IO sockets an event is encoded once per protocol, however many get it."""

from typing import Any

from justchat.protocol import encoded_events
from justchat.protocol.encoded_events import EncodedEvent
from justchat.protocol.events import Event
from tests.support.socketio.by_hand import Packets, ask
from tests.support.socketio.in_process import InsideCase


class Encoding(InsideCase):
    def counted(self, name: str) -> list[Any]:
        """The first arguments of later calls of a function of ``justchat.protocol.encoded_events``."""
        real, calls = getattr(encoded_events, name), []

        def counting(first: Any) -> Any:
            calls.append(first)
            return real(first)

        self.patch(encoded_events, name, counting)
        return calls

    async def test_once(self) -> None:
        """The raw frame, the Socket.IO packet and its frame are made once each, and none without a receiver."""
        await self.bind_of_each_kind(10)
        frames, packets_made = self.counted("_encode_text_frame"), self.counted("EncodedPacket")

        event = Event("message", {"text": "чай"})
        connections = list(self.registry.by_user[self.sessions.session.user])
        self.broadcast.send(connections, lambda: EncodedEvent(event.to_json()))

        text = '42["message",{"error":null,"text":"чай"}]'
        for listener in self.listeners:
            await (listener.receive(text) if isinstance(listener, Packets) else listener.next("message"))
        for query in self.queries:
            self.assertEqual(text, (await ask(self.http_port, query)).body.decode())
        self.assertEqual({event.to_json(), text.encode()}, set(frames))
        self.assertEqual((2, 1), (len(frames), len(packets_made)))
        self.broadcast.send([], lambda: self.fail("made for nobody"))
