"""Socket.IO packets: encoding and parsing."""

from twisted.trial.unittest import SynchronousTestCase

from justchat.protocol.encoded_events import EncodedEvent, EncodedPacket
from justchat.protocol.events import Event
from justchat.realtime.socketio.packets import (
    Malformed,
    SocketIoPacket,
    jsonp_payload,
    parse_payload,
    parse_socketio_packet,
)


class Out(SynchronousTestCase):
    def test_event(self) -> None:
        """An event's Socket.IO packet is its name and its data, made once for all sockets."""
        frame = EncodedEvent(Event("message", {"text": 'я","data":'}).to_json())

        self.assertEqual('42["message",{"error":null,"text":"я\\",\\"data\\":"}]', frame.socketio.text.decode())
        self.assertIs(frame.socketio.websocket, frame.socketio.websocket)

    def test_counted(self) -> None:
        """For Engine.IO 3 polling a packet is ASCII, and counted."""
        self.assertEqual(b'18:42["\\u044f\\u00e9"]', EncodedPacket('42["яé"]'.encode()).counted)


class In(SynchronousTestCase):
    def test_counted(self) -> None:
        """Engine.IO 3 counts UTF-16 units."""
        packets = parse_payload("4:4я🎈1:2".encode(), 3)

        self.assertEqual([(4, "я🎈"), (2, "")], [(packet.type, packet.text) for packet in packets])

    def test_framed(self) -> None:
        """The binary form counts bytes. It mixes text with binary packets; a binary packet is never a message."""
        packets = parse_payload(b"\0\1\0\xff2" + b"x" * 9 + b"\1\3\xff\2ab\0\3\xff4" + "я".encode(), 3)

        self.assertEqual([(2, "x" * 9), (2, "ab"), (4, "я")], [(packet.type, packet.text) for packet in packets])

    def test_form(self) -> None:
        """A page's form brings its payload under ``d``, with line ends that it has escaped."""
        for form, payload in (
            (b"d=40", b"40"),
            (b"x=1&d=4%5Cn%5C%5Cn", b"4\n\\n"),
            ("d=я".encode(), "я".encode()),
            (b"", None),
            (b"d=1&d=2", None),
        ):
            self.assertEqual(payload, jsonp_payload(form))
        for form in (b"\xff", b"a=1&" * 20):
            self.assertRaises(Malformed, jsonp_payload, form)

    def test_malformed_payloads(self) -> None:
        """A malformed payload is refused."""
        for version, payloads in (
            (3, (b"", b"4", b"9:4", b":4", b"-1:4", b"99999999:4", b"1:7", b"\xff", b"1:2" * 1025)),
            (3, (b"\0", b"\0\1", b"\0\1\xff", b"\0\2\xff2", b"\0\xff", b"\0\0\xff", b"\0\x0a\xff" + b"2" * 10)),
            (3, (b"\0" + b"\1" * 9 + b"\xff2", b"\2\1\xff2", b"\0\1\xff2\0", b"\1\1\xff2", b"\0\1\xff\xff")),
            (4, (b"", b"7", b"x", b"\xff", b"d=40", b"2\x1e", b"\x1e".join([b"2"] * 1026), b"bAAAA")),
        ):
            for payload in payloads:
                self.assertRaises(Malformed, parse_payload, payload, version)

    def test_malformed_messages(self) -> None:
        """A malformed Socket.IO packet is refused."""
        for text in ("", "x", "9", "2{", '2["a"', "51-[]", '3["x"]', "2" + "[" * 10_000, "2" + "1" * 200):
            self.assertRaises(Malformed, parse_socketio_packet, text)

    def test_acknowledged(self) -> None:
        """An id asks for an acknowledgement."""
        self.assertEqual(SocketIoPacket(2, "/", ["init", {}], 7), parse_socketio_packet('27["init",{}]'))
