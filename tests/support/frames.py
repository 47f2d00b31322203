"""Frames of RFC 6455 by hand, and the handshake before them."""

import socket
import struct

from tests.support.waiting import PATIENCE

HANDSHAKE = (
    b"GET %b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TEXT, PING = 0x81, 0x89


def frame(first: int, payload: bytes, *, masked: bool = True, length: int | None = None) -> bytes:
    """A frame; its mask is zero, ``length`` is what it claims to have."""
    size = len(payload) if length is None else length
    bit = 0x80 if masked else 0
    if size < 126:
        head = bytes((first, bit | size))
    elif size < 2**16:
        head = bytes((first, bit | 126)) + struct.pack("!H", size)
    else:
        head = bytes((first, bit | 127)) + struct.pack("!Q", size)
    return head + (bytes(4) if masked else b"") + payload


def closed_with(port: int, path: bytes, said: bytes) -> int | None:
    """The daemon's close code; None if it closes without one. Raises TimeoutError if it does not close."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(PATIENCE)
        connection.sendall(HANDSHAKE % path)
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        _, _, frames = received.partition(b"\r\n\r\n")
        try:
            connection.sendall(said)
            while b"\x88" not in frames and (some := connection.recv(65536)):
                frames += some
        except ConnectionError:
            pass
    at = frames.find(b"\x88")
    return struct.unpack("!H", frames[at + 2 : at + 4])[0] if at >= 0 else None


UPGRADE = (
    *("Upgrade: websocket", "Connection: Upgrade, close"),
    *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
)
