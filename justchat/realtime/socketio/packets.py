"""Packets that come in: Engine.IO's, alone or several to a payload, and Socket.IO's in its messages.

Socket.IO's codec is python-socketio's. Engine.IO 4 joins packets with 0x1e; payloads of Engine.IO 3, which no codec of
today knows, have two forms (Engine.IO protocol 3, "Payload"):

    4:40/a1:2                          text: the length of each packet in UTF-16 units, a colon, the packet
    00 04 ff 34 30 2f 61 01 01 ff 02   binary: 0 for a text packet or 1 for a binary one, the digits of its length in
                                       bytes, 255, the packet

Android's client and python-socketio 4 post the second form always. Only messages can hold binary data in Engine.IO 4.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import parse_qs

from attrs import frozen
from socketio.packet import Packet as SocketPacket

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = range(7)
CONNECT, DISCONNECT, EVENT = range(3)
MOST_PACKETS = 1024
"""In one payload, so that reading it does not hold the reactor. A client's frames a minute are fewer by default."""


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


def packet_of(packet: str | bytes, version: int) -> Incoming:
    """One packet (Engine.IO protocol 4 and 3, "Packet encoding"); bytes are a binary one. Raises Malformed."""
    if isinstance(packet, bytes):
        return _binary_packet(packet, version)
    if packet[:1] == "b":
        try:
            data = b64decode(packet[2:] if version == 3 else packet[1:])
        except (binascii.Error, ValueError) as error:
            raise Malformed("not base64") from error
        type = packet[1:2] if version == 3 else str(MESSAGE)
        return _binary_packet(bytes([int(type)]) + data if type in _TYPES else b"", 3)
    if packet[:1] not in _TYPES:
        raise Malformed("no EngineSession.IO packet")
    return Incoming(int(packet[0]), packet[1:])


_TYPES = tuple("0123456")


def _binary_packet(packet: bytes, version: int) -> Incoming:
    if version != 3 or packet[:1] == bytes([MESSAGE]):
        # An attachment of a Socket.IO event; the one event that clients send has none.
        raise Malformed("no message of ours is binary")
    if not packet or packet[0] > NOOP:
        raise Malformed("no EngineSession.IO packet")
    return Incoming(packet[0], packet[1:].decode("utf-8", "replace"))


def packets_of(payload: bytes, version: int) -> list[Incoming]:
    """The packets in the body of a POST (Engine.IO protocol 4 and 3, "Payload encoding"). Raises Malformed."""
    if version == 3 and payload[:1] in (b"\0", b"\1"):
        return _each(_framed(payload), 3)
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8") from error
    if version == 3:
        return _each(_counted(text), 3)
    if not text:
        raise Malformed("an empty payload")
    return _each(text.split("\x1e", MOST_PACKETS), 4)


def _each(packets: Iterable[str | bytes], version: int) -> list[Incoming]:
    found = [packet_of(packet, version) for packet in islice(packets, MOST_PACKETS + 1)]
    if len(found) > MOST_PACKETS:
        raise Malformed("too many packets at once")
    return found


def jsonp_payload(form: bytes) -> bytes | None:
    """The payload in a form that a JSONP client posts, whose line ends it has escaped; None where there is none.

    Raises Malformed.
    """
    try:
        fields = parse_qs(form.decode(), keep_blank_values=True, max_num_fields=16).get("d")
    except ValueError as error:
        raise Malformed("no form") from error
    if fields is None or len(fields) != 1:
        return None
    unescaped = _ESCAPED_LINE_END.sub(lambda found: found[0] if found[1] else "\n", fields[0])
    return unescaped.replace(r"\\n", r"\n").encode("utf-8", "replace")


_ESCAPED_LINE_END = re.compile(r"(\\)?\\n")


def _framed(payload: bytes) -> Iterator[str | bytes]:
    at = 0
    while at < len(payload):
        found = _FRAME_HEAD.match(payload, at)
        if found is None:
            raise Malformed("no EngineSession.IO 3 payload")
        start = found.end()
        at = start + int(bytes(digit + 0x30 for digit in found[2]))
        packet = payload[start:at]
        if not packet or at > len(payload):
            raise Malformed("a packet that is not as long as it says")
        if found[1] == b"\1":
            yield packet
            continue
        try:
            yield packet.decode()
        except UnicodeDecodeError as error:
            raise Malformed("not UTF-8") from error


_FRAME_HEAD = re.compile(rb"([\0\1])([\0-\x09]{1,8})\xff")


def _counted(text: str) -> Iterator[str]:
    units = text.encode("utf-16-le")
    if not units:
        raise Malformed("an empty payload")
    at = 0
    while at < len(units):
        found = _LENGTH.match(units[at : at + 18].decode("utf-16-le", "replace"))
        if found is None:
            raise Malformed("no EngineSession.IO 3 payload")
        start = at + 2 * found.end()
        at = start + 2 * int(found[1])
        if at > len(units):
            raise Malformed("a packet that is not as long as it says")
        if at > start:  # "0:" is how the reference encoder writes no packet at all
            yield units[start:at].decode("utf-16-le", "replace")


_LENGTH = re.compile(r"([0-9]{1,8}):")


def said_in(text: str) -> Said:
    """The Socket.IO packet in a message (Socket.IO protocol 5, "Packet encoding"). Raises Malformed."""
    try:
        packet = SocketPacket(encoded_packet=text)
    except Exception as error:  # whatever their codec says to bytes of a stranger's
        raise Malformed("no Socket.IO packet") from error
    if not text or packet.packet_type not in (CONNECT, DISCONNECT, EVENT):
        raise Malformed("no Socket.IO packet that a client of ours sends")
    return Said(packet.packet_type, packet.namespace or "/", packet.data, packet.id)
