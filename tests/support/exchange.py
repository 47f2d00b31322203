"""One HTTP exchange on a connection of its own, in few steps: the tests make tens of thousands."""

from typing import Any

from attrs import frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseNeverReceived
from twisted.web.http_headers import Headers

from tests.support.waiting import PATIENCE, in_time


@frozen
class Received:
    """An answer: its status, its headers, and the bytes of its body."""

    status: int
    headers: Headers
    body: bytes


class _Exchange(Protocol):
    """Sends a request; ``answered`` gets the answer as soon as it is complete, whether the connection ends or not."""

    def __init__(self, said: bytes, is_head: bool) -> None:
        self._said = said
        self._is_head = is_head
        self._received = bytearray()
        self._answer: Received | None = None
        """The answer whose body is not complete."""
        self._length: int | None = None
        """Bytes of the body; None if the end of the connection is its end."""
        self.answered: Deferred[Received] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self._said)

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        if self._answer is None and (end := self._received.find(b"\r\n\r\n")) >= 0:
            self._read_head(bytes(self._received[:end]))
            del self._received[: end + 4]
        if self._answer is not None and self._length is not None and len(self._received) >= self._length:
            self._end()

    def _read_head(self, head: bytes) -> None:
        line, *lines = head.split(b"\r\n")
        headers = Headers()
        for each in lines:
            name, _, value = each.partition(b":")
            headers.addRawHeader(name, value.strip())
        self._answer = Received(int(line.split(b" ")[1]), headers, b"")
        if self._is_head or self._answer.status in (204, 304):
            self._length = 0
        elif lengths := headers.getRawHeaders(b"content-length"):
            self._length = int(lengths[0])

    def _end(self) -> None:
        answer, length = self._answer, self._length
        if self.answered.called or answer is None:
            return
        body = bytes(self._received[:length])
        if answer.headers.hasHeader(b"transfer-encoding"):
            body = _joined(body)
        self.answered.callback(Received(answer.status, answer.headers, body))
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._length is None:
            self._end()
        if not self.answered.called:
            self.answered.errback(ResponseNeverReceived([reason]))


def _joined(chunks: bytes) -> bytes:
    """The body that came in chunks, all of them."""
    body = b""
    while True:
        size, _, chunks = chunks.partition(b"\r\n")
        length = int(size, 16)
        body += chunks[:length]
        if not length:
            return body
        chunks = chunks[length + 2 :]


async def exchanged(port: int, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Received:
    """The answer to a request. Raises ResponseNeverReceived if the connection ends before it is complete."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body or b'')}")
    said = "\r\n".join([*lines, "", ""]).encode() + (body or b"")
    factory = Factory.forProtocol(lambda: _Exchange(said, method == "HEAD"))
    factory.noisy = False
    endpoint: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", port, PATIENCE)
    exchange: _Exchange = await endpoint.connect(factory)
    try:
        return await in_time(exchange.answered)
    finally:
        exchange.transport.abortConnection()
