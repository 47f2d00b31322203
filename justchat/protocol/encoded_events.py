"""Events encoded for the wire: once per event and protocol, whatever the number of connections."""

import json
import re
import struct
from functools import cached_property

from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id


class EncodedEvent:
    """The JSON of one event, and its encoding for each protocol, made on first use.

    ``text`` is the JSON, in UTF-8. ``stream`` and ``seq`` identify the entry that the event describes; ``stream`` is
    None if the event describes no entry.
    """

    entering: tuple[Id, int] | None = None
    """Of a user's entering: the user, and its place in the order."""

    def __init__(self, text: bytes, stream: Id | None = None, seq: int = 0) -> None:
        self.text = text
        self.stream = stream
        self.seq = seq

    @classmethod
    def of_entry(cls, text: bytes, entry: Entry) -> "EncodedEvent":
        """The event of any entry. Those of messages need no more than the constructor."""
        event = cls(text, entry.stream, entry.seq)
        if entry.kind is Kind.NEW_ROOMMATE:
            event.entering = entry.author, entry.place
        return event

    @cached_property
    def websocket(self) -> bytes:
        """The text as a frame of the raw WebSocket."""
        return _encode_text_frame(self.text)

    @cached_property
    def name(self) -> str:
        """The event's name."""
        return self.text[len(_BEFORE_NAME) : self.text.index(_BEFORE_DATA)].decode()

    @property
    def data(self) -> bytes:
        """The JSON of the event's data: a slice of ``text``, so it is not encoded a second time."""
        return self.text[self.text.index(_BEFORE_DATA) + len(_BEFORE_DATA) : -1]

    @cached_property
    def socketio(self) -> "EncodedPacket":
        """A Socket.IO EVENT in an Engine.IO message: the event's name, and its data as the one argument."""
        return EncodedPacket(b'42["%s",%s]' % (self.name.encode(), self.data))


class EncodedBatch:
    """Encoded events that go to the same connections one after another. Their frames are joined once for all."""

    def __init__(self, event: EncodedEvent) -> None:
        self.events = [event]

    @cached_property
    def websocket(self) -> bytes:
        """The frames of the raw WebSocket. After the first use no event may be added."""
        events = self.events
        return events[0].websocket if len(events) == 1 else b"".join([event.websocket for event in events])


_BEFORE_NAME = b'{"event":"'

_BEFORE_DATA = b'","data":'


class EncodedPacket:
    """An outgoing Engine.IO packet, encoded once per transport."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    @cached_property
    def websocket(self) -> bytes:
        """The packet as one WebSocket text frame."""
        return _encode_text_frame(self.text)

    @cached_property
    def counted(self) -> bytes:
        """The packet in a polling answer of Engine.IO 3: after its length in UTF-16 units.

        Characters outside ASCII are escaped, as JSON allows: clients 1.x decode UTF-8 twice here, later ones once.
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
