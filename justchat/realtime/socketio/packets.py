"""Parsing of incoming packets: Engine.IO packets, alone or in payloads, and the Socket.IO packets in their messages.

Socket.IO packets are decoded by python-socketio. Engine.IO 4 joins packets with 0x1e. No current codec knows the
payloads of Engine.IO 3, which have two forms (Engine.IO protocol 3, "Payload"):

    4:40/a1:2                          text: the length of each packet in UTF-16 units, a colon, the packet
    00 04 ff 34 30 2f 61 01 01 ff 02   binary: 0 for a text packet or 1 for a binary one, the digits of its length in
                                       bytes, 255, the packet

The Android client and python-socketio 4 always post the second form. In Engine.IO 4 only messages can be binary.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import islice
from typing import Any
from urllib.parse import parse_qs

from attrs import frozen
from socketio.packet import Packet

MOST_PACKETS = 1024
"""The most packets of one payload, so that parsing one does not block the reactor. The default limit on a client's
frames per minute is lower.
"""


class EngineType(IntEnum):
    """Types of Engine.IO packets."""

    OPEN = 0
    CLOSE = 1
    PING = 2
    PONG = 3
    MESSAGE = 4
    UPGRADE = 5
    NOOP = 6


class SocketIoType(IntEnum):
    """Types of the Socket.IO packets that a client may send."""

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2


class Malformed(Exception):
    """What the client has sent is not a packet that the server accepts."""


@frozen
class EnginePacket:
    """An Engine.IO packet: its type, and the text after the type."""

    type: int
    text: str


@frozen
class SocketIoPacket:
    """A Socket.IO packet: type, namespace, data, and the id of the acknowledgement that the client wants, if any."""

    type: int
    namespace: str
    data: Any
    id: int | None


def parse_packet(packet: str | bytes, version: int) -> EnginePacket:
    """Parse one packet (Engine.IO protocol 4 and 3, "Packet encoding"). Bytes are a binary packet. Raises Malformed."""
    if isinstance(packet, bytes):
        return _parse_binary(packet, version)
    if packet[:1] == "b":
        try:
            data = b64decode(packet[2:] if version == 3 else packet[1:])
        except (binascii.Error, ValueError) as error:
            raise Malformed("not base64") from error
        type = packet[1:2] if version == 3 else str(int(EngineType.MESSAGE))
        return _parse_binary(bytes([int(type)]) + data if type in _TYPES else b"", 3)
    if packet[:1] not in _TYPES:
        raise Malformed("not an Engine.IO packet")
    return EnginePacket(int(packet[0]), packet[1:])


_TYPES = tuple("0123456")


def _parse_binary(packet: bytes, version: int) -> EnginePacket:
    if version != 3 or packet[:1] == bytes([EngineType.MESSAGE]):
        # An attachment of a Socket.IO event. The only event that clients send, init, has none.
        raise Malformed("binary messages are not accepted")
    if not packet or packet[0] > EngineType.NOOP:
        raise Malformed("not an Engine.IO packet")
    return EnginePacket(packet[0], packet[1:].decode("utf-8", "replace"))


def parse_payload(payload: bytes, version: int) -> list[EnginePacket]:
    """Parse the body of a POST (Engine.IO protocol 4 and 3, "Payload encoding"). Raises Malformed."""
    if version == 3 and payload[:1] in (b"\0", b"\1"):
        return _parse_each(_split_binary_form(payload), 3)
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8") from error
    if version == 3:
        return _parse_each(_split_text_form(text), 3)
    if not text:
        raise Malformed("an empty payload")
    return _parse_each(text.split("\x1e", MOST_PACKETS), 4)


def _parse_each(packets: Iterable[str | bytes], version: int) -> list[EnginePacket]:
    parsed = [parse_packet(packet, version) for packet in islice(packets, MOST_PACKETS + 1)]
    if len(parsed) > MOST_PACKETS:
        raise Malformed("too many packets at once")
    return parsed


def jsonp_payload(form: bytes) -> bytes | None:
    """The payload in the form that a JSONP client posts; None if the form has none. Raises Malformed.

    The client has escaped the payload's line ends. They are restored.
    """
    try:
        fields = parse_qs(form.decode(), keep_blank_values=True, max_num_fields=16).get("d")
    except ValueError as error:
        raise Malformed("not a form") from error
    if fields is None or len(fields) != 1:
        return None
    unescaped = _ESCAPED_LINE_END.sub(lambda found: found[0] if found[1] else "\n", fields[0])
    return unescaped.replace(r"\\n", r"\n").encode("utf-8", "replace")


_ESCAPED_LINE_END = re.compile(r"(\\)?\\n")


def _split_binary_form(payload: bytes) -> Iterator[str | bytes]:
    at = 0
    while at < len(payload):
        found = _FRAME_HEAD.match(payload, at)
        if found is None:
            raise Malformed("not an Engine.IO 3 payload")
        start = found.end()
        at = start + int(bytes(digit + 0x30 for digit in found[2]))
        packet = payload[start:at]
        if not packet or at > len(payload):
            raise Malformed("a packet shorter than its length")
        if found[1] == b"\1":
            yield packet
            continue
        try:
            yield packet.decode()
        except UnicodeDecodeError as error:
            raise Malformed("not UTF-8") from error


_FRAME_HEAD = re.compile(rb"([\0\1])([\0-\x09]{1,8})\xff")


def _split_text_form(text: str) -> Iterator[str]:
    units = text.encode("utf-16-le")
    if not units:
        raise Malformed("an empty payload")
    at = 0
    while at < len(units):
        found = _LENGTH.match(units[at : at + 18].decode("utf-16-le", "replace"))
        if found is None:
            raise Malformed("not an Engine.IO 3 payload")
        start = at + 2 * found.end()
        at = start + 2 * int(found[1])
        if at > len(units):
            raise Malformed("a packet shorter than its length")
        if at > start:  # the reference encoder writes "0:" for an empty payload
            yield units[start:at].decode("utf-16-le", "replace")


_LENGTH = re.compile(r"([0-9]{1,8}):")


def parse_socketio_packet(text: str) -> SocketIoPacket:
    """Parse the Socket.IO packet in a message (Socket.IO protocol 5, "Packet encoding"). Raises Malformed."""
    try:
        packet = Packet(encoded_packet=text)
    except Exception as error:  # the codec raises exceptions of many kinds for malformed input
        raise Malformed("not a Socket.IO packet") from error
    if not text or packet.packet_type > SocketIoType.EVENT:
        raise Malformed("not a Socket.IO packet that a client may send")
    return SocketIoPacket(packet.packet_type, packet.namespace or "/", packet.data, packet.id)
