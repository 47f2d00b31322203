"""Many raw sockets with little overhead: they must not cost the tests more than the daemon."""

import base64
import json
import resource
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

HANDSHAKE = (
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Key: {base64.b64encode(b'0' * 16).decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()


def allow_sockets(number: int) -> None:
    """Raise the limit of open sockets of this process and its children. Raises ValueError if it cannot."""
    wanted = number + 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted) if hard != -1 else hard))


def an_init(data: dict[str, Any]) -> bytes:
    """The masked frame that binds a socket (RFC 6455, section 5.2; the mask is zero)."""
    text = json.dumps({"event": "init", "data": data}).encode()
    length = struct.pack("!B", 0x80 | len(text)) if len(text) < 126 else struct.pack("!BH", 0x80 | 126, len(text))
    return b"\x81" + length + bytes(4) + text


def stalled(port: int, inits: Sequence[dict[str, Any]]) -> list[socket.socket]:
    """Sockets that are bound and then not read."""
    opened = []
    for init in inits:
        one = socket.socket()
        # Before the connection, which announces the window.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", port))
        one.sendall(HANDSHAKE)
        _receive(one, b"\r\n\r\n")
        one.sendall(an_init(init))
        _receive(one, b'"ready"')
        opened.append(one)
    return opened


def _receive(one: socket.socket, what: bytes) -> None:
    received = b""
    while what not in received:
        some = one.recv(1024)
        assert some, f"closed after {received!r}"
        received += some


def come_back(port: int, inits: Sequence[dict[str, Any]], seconds: float, patience: float) -> list[float]:
    """Connect with these inits, evenly over ``seconds``; returns each one's seconds until ``caught-up``.

    Raises AssertionError where one is closed, or not served within its patience.
    """
    allow_sockets(len(inits))
    selector = selectors.DefaultSelector()
    began, waits = time.monotonic(), []
    opened = 0
    received: dict[socket.socket, tuple[float, bytes]] = {}
    while len(waits) < len(inits):
        now = time.monotonic()
        while opened < len(inits) and now >= began + seconds * opened / len(inits):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            selector.register(one, selectors.EVENT_WRITE, an_init(inits[opened]))
            received[one] = (now, b"")
            opened += 1
        for key, _ in selector.select(0.002):
            one = key.fileobj  # type: ignore[assignment]
            since, so_far = received[one]
            if key.events == selectors.EVENT_WRITE:
                one.send(HANDSHAKE)
                selector.modify(one, selectors.EVENT_READ, key.data)
                continue
            some = one.recv(65536)
            assert some, f"closed after {so_far[-200:]!r}"
            if not so_far:  # the answer to the handshake
                one.send(key.data)
            so_far += some
            received[one] = (since, so_far)
            if b'"caught-up"' in so_far:
                assert b'"recovered":true' in so_far, so_far[-300:]
                waits.append(time.monotonic() - since)
                selector.unregister(one)
        late = [since for since, so_far in received.values() if b'"caught-up"' not in so_far and now - since > patience]
        assert not late, f"{len(late)} wait for more than {patience} s; {len(waits)} are back"
    for one in received:
        one.close()
    return waits


def run_apart(**storm: Any) -> list[float]:
    """come_back() in a process of its own. Raises AssertionError with what it said."""
    command = [sys.executable, "-m", "tests.support.crowd"]
    done = subprocess.run(command, input=json.dumps(storm), capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr[-2000:]
    waits: list[float] = json.loads(done.stdout)
    return waits


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Rss:"))


if __name__ == "__main__":
    print(json.dumps(come_back(**json.load(sys.stdin))))
