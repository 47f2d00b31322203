"""A client of the daemon: its HTTP calls, and the WebSocket by autobahn."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from attrs import frozen
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import deferLater
from twisted.web.http_headers import Headers

from tests.support.exchange import exchanged
from tests.support.schema import Document, assert_allowed, faults_of
from tests.support.waiting import eventually

_documents: dict[int, Document] = {}
"""By port."""
SILENCE = 0.3
"""Seconds that a test waits before it asserts that something did not happen."""


@frozen
class Answer:
    """An HTTP answer; ``json`` is its parsed body, None where there is none."""

    status: int
    json: Any
    headers: Headers

    @property
    def data(self) -> Any:
        """The data of an answer that is no error."""
        assert "data" in self.json, f"{self.status} {self.json}"
        return self.json["data"]

    @property
    def code(self) -> Any:
        return self.json["code"]


async def request(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """One request on a connection of its own, by a program: ``/`` is the web client to others."""
    received = await exchanged(port, method, path, {"Accept": "application/json", **(headers or {})}, body)
    return Answer(received.status, json.loads(received.body) if received.body else None, received.headers)


async def call(port: int, path: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
    """A call of the API; ``body`` is sent as JSON, and the answer is one that the daemon's own document allows."""
    answer = await request(port, "POST", path, json.dumps(body).encode(), headers)
    if port not in _documents:
        _documents[port] = (await request(port, "GET", "/openapi.json")).json
    assert_allowed(_documents[port], path, answer.status, answer.json)
    return answer


class Listener(WebSocketClientProtocol):
    """A raw WebSocket that keeps the events it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: Deferred[None] = Deferred()
        self.gone: Deferred[None] = Deferred()
        self.events: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self.taken = 0
        self.is_checked = False
        """Whether events are compared with the AsyncAPI document."""
        self.undeclared: list[str] = []
        """What it does not allow."""

    def onOpen(self) -> None:
        self.opened.callback(None)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.events.append(json.loads(payload))
        if self.is_checked:
            self.undeclared += faults_of(self.events[-1])

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.close_code = code
        if not self.opened.called:
            self.opened.errback(ConnectionError(reason))
        self.gone.callback(None)

    def say(self, frame: Any) -> None:
        self.sendMessage(json.dumps(frame).encode())

    async def bind(self, session_key: str) -> dict[str, Any]:
        """Send ``init``; returns the answer's data."""
        self.say({"event": "init", "data": {"session_key": session_key}})
        return (await self.next())["data"]

    async def next(self, name: str | None = None) -> dict[str, Any]:
        """The next event, or the next of this name."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            while self.taken < len(self.events) and not found:
                event = self.events[self.taken]
                self.taken += 1
                if name is None or event["event"] == name:
                    found.append(event)
            return bool(found)

        await eventually(there, f"an event {name or ''}; received {self.events[-3:]}")
        return found[0]

    async def silence(self) -> list[dict[str, Any]]:
        """The events that are not taken, after SILENCE seconds."""
        await deferLater(reactor, SILENCE)
        return self.untaken()

    def untaken(self) -> list[dict[str, Any]]:
        """The events that are not taken."""
        return self.events[self.taken :]

    async def closed(self) -> int | None:
        """The close code, once the connection is gone."""
        await eventually(lambda: self.gone.called, "the socket to be closed")
        return self.close_code

    async def leave(self) -> None:
        if not self.gone.called:
            self.dropConnection(abort=True)
            await eventually(lambda: self.gone.called, "the socket to be gone")


L = TypeVar("L", bound=Listener)


async def listen(port: int, path: str = "/", **handshake: Any) -> Listener:
    """Open a WebSocket."""
    return await listen_as(Listener, port, path, **handshake)


async def listen_as(protocol: Callable[[], L], port: int, path: str = "/", **handshake: Any) -> L:
    """Open a WebSocket of this kind; ``handshake`` is its origin, its headers, or the subprotocols it offers."""
    factory = WebSocketClientFactory(f"ws://127.0.0.1:{port}{path}", reactor=reactor, **handshake)
    factory.protocol = protocol
    factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)
    listener: L = await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
    await listener.opened
    return listener
