"""`python -m bench.receiver`: a server that answers every webhook with 200, as fast as Twisted can.

It prints its port, and the number of webhooks that it has taken for each line that it reads.
"""

import sys

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.stdio import StandardIO

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Hooks(Protocol):
    """A connection on which whole requests come one after another."""

    taken = 0

    def __init__(self) -> None:
        self._read = b""

    def dataReceived(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            if len(self._read) < end + 4 + length:
                return
            self._read = self._read[end + 4 + length :]
            Hooks.taken += 1
            self.transport.write(ANSWER)  # type: ignore[union-attr]


class Questions(Protocol):
    """Standard input: each line asks for the number."""

    def dataReceived(self, data: bytes) -> None:
        print(Hooks.taken, flush=True)


if __name__ == "__main__":
    port = reactor.listenTCP(0, Factory.forProtocol(Hooks), interface="127.0.0.1")  # type: ignore[attr-defined]
    print(port.getHost().port, flush=True)
    StandardIO(Questions())
    reactor.run()  # type: ignore[attr-defined]
    sys.exit()
