"""Packets that come in: Engine.IO's, alone or several to a payload, and Socket.IO's in its messages.

The codecs are python-engineio's and python-socketio's. Payloads of Engine.IO 3 they know no more: in those each packet
goes after its length in UTF-16 units and a colon (Engine.IO protocol 3, "Payload").
"""

import re
from typing import Any

from attrs import frozen
from engineio.packet import Packet as EnginePacket
from engineio.payload import Payload
from socketio.packet import Packet as SocketPacket

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = range(7)
CONNECT, DISCONNECT, EVENT = range(3)
MOST_PACKETS = 16
"""In one payload: python-engineio's own bound."""


class Malformed(Exception):
    """No packet that we know."""


@frozen
class Incoming:
    """A packet of Engine.IO: its type, and the text after that."""

    type: int
    text: str


@frozen
class Said:
    """A packet of Socket.IO: its type, namespace, data, and the id under which an acknowledgement is wanted."""

    type: int
    namespace: str
    data: Any
    id: int | None


def packet_of(text: str) -> Incoming:
    """One packet (Engine.IO protocol 4, "Packet encoding"). Raises Malformed; binary ones are, to us."""
    if text[:1] not in tuple("0123456"):
        raise Malformed("no Engine.IO packet")
    return Incoming(int(text[0]), text[1:])


def packets_of(payload: bytes, version: int) -> list[Incoming]:
    """The packets in the body of a POST (Engine.IO protocol 4, "Payload encoding"). Raises Malformed."""
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8") from error
    if version == 3:
        return [packet_of(part) for part in _counted(text)]
    if text.startswith("d="):
        raise Malformed("JSONP is not spoken here")
    try:
        packets: list[EnginePacket] = Payload(encoded_payload=text).packets
    except Exception as error:  # whatever their codec says to bytes of a stranger's
        raise Malformed("no Engine.IO payload") from error
    if not packets:
        raise Malformed("an empty payload")
    return [packet_of(part) for part in text.split("\x1e")]


def _counted(text: str) -> list[str]:
    parts: list[str] = []
    units = text.encode("utf-16-le")
    at = 0
    while at < len(units):
        found = re.match(r"([1-9][0-9]{0,5}):", units[at : at + 14].decode("utf-16-le", "replace"))
        start = at + 2 * found.end() if found else 0
        at = start + 2 * int(found[1]) if found else 0
        if not found or at > len(units) or len(parts) == MOST_PACKETS:
            raise Malformed("no Engine.IO 3 payload")
        parts.append(units[start:at].decode("utf-16-le", "replace"))
    if not parts:
        raise Malformed("an empty payload")
    return parts


def said_in(text: str) -> Said:
    """The Socket.IO packet in a message (Socket.IO protocol 5, "Packet encoding"). Raises Malformed."""
    try:
        packet = SocketPacket(encoded_packet=text)
    except Exception as error:  # whatever their codec says to bytes of a stranger's
        raise Malformed("no Socket.IO packet") from error
    if not text or packet.packet_type not in (CONNECT, DISCONNECT, EVENT):
        raise Malformed("no Socket.IO packet that a client of ours sends")
    return Said(packet.packet_type, packet.namespace or "/", packet.data, packet.id)
