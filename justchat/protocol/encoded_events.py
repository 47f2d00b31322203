"""Events encoded for the wire: once per event and protocol, however many connections they go to."""

import json
import re
import struct
from functools import cached_property

from justchat.model.ids import Id


class EncodedEvent:
    """What is sent to a connection: ``text`` is the JSON of one event, in UTF-8.

    Encoded once per protocol, whoever and however many it goes to. ``stream`` and ``seq`` say which entry it
    tells of, where it is one.
    """

    def __init__(self, text: bytes, stream: Id | None = None, seq: int = 0) -> None:
        self.text = text
        self.stream = stream
        self.seq = seq

    @cached_property
    def websocket(self) -> bytes:
        """The raw socket's: the text as it is."""
        return _encode_text_frame(self.text)

    @cached_property
    def name(self) -> str:
        """The event's name."""
        return self.text[len(_BEFORE_NAME) : self.text.index(_BEFORE_DATA)].decode()

    @property
    def data(self) -> bytes:
        """The JSON of the event's data. Cut out of the text, which we made ourselves, rather than made again."""
        return self.text[self.text.index(_BEFORE_DATA) + len(_BEFORE_DATA) : -1]

    @cached_property
    def socketio(self) -> "Packet":
        """A Socket.IO EVENT in an Engine.IO message: the event's name, and its data as the one argument."""
        return Packet(b'42["%s",%s]' % (self.name.encode(), self.data))


class EncodedBatch:
    """Frames that go to the same connections one after another, joined once for all of them."""

    def __init__(self, frame: EncodedEvent) -> None:
        self.frames = [frame]

    @cached_property
    def websocket(self) -> bytes:
        """The raw socket's. From now on no frame may be added."""
        frames = self.frames
        return frames[0].websocket if len(frames) == 1 else b"".join([frame.websocket for frame in frames])


_BEFORE_NAME = b'{"event":"'

_BEFORE_DATA = b'","data":'


class Packet:
    """An Engine.IO packet on its way out, encoded once per transport."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    @cached_property
    def websocket(self) -> bytes:
        """Over WebSocket: one text frame."""
        return _encode_text_frame(self.text)

    @cached_property
    def counted(self) -> bytes:
        """In an answer of Engine.IO 3 polling: its length in UTF-16 units goes before it.

        Whatever is not ASCII is escaped, as JSON may be: clients 1.x decode UTF-8 twice here, later ones once.
        """
        text = _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], self.text.decode())
        return b"%d:%s" % (len(text), text.encode())


_NOT_ASCII = re.compile("[^\x00-\x7f]")


def _encode_text_frame(text: bytes) -> bytes:
    """An unmasked, unfragmented text frame (RFC 6455, section 5.2)."""
    length = len(text)
    if length < 126:
        return struct.pack("!BB", 0x81, length) + text
    if length < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, length) + text
    return struct.pack("!BBQ", 0x81, 127, length) + text
