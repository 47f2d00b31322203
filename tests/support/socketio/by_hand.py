"""Engine.IO by hand, for what no real client sends."""

import json
import re
from typing import Any

import treq
from twisted.internet import reactor
from twisted.web.client import Agent

from tests.support.client import Listener, listen_as
from tests.support.waiting import PATIENCE, eventually
from tests.support.wire import SettingsCase

SETTINGS = """
[http]
allow_origins = ["https://chat.example.com"]

[websocket]
init_timeout = 30
ping_interval = 0.4
ping_timeout = 60
send_buffer = 65536

[limits]
enabled = false
"""
"""Frequent pings and short buffers. No timeout ends a session whose test waits for a busy machine."""
QUICK_INIT = SETTINGS.replace("init_timeout = 30", "init_timeout = 2")
QUICK_PING = SETTINGS.replace("ping_timeout = 60", "ping_timeout = 2")


class Packets(Listener):
    """A WebSocket of ``/socket.io/``: keeps packets as text, and answers pings."""

    answers_pings = True

    def __init__(self) -> None:
        super().__init__()
        self.received: list[str] = []

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if payload == b"2" and self.answers_pings:
            self.sendMessage(b"3")
        self.received.append(payload.decode())

    def send(self, *packets: str) -> None:
        for packet in packets:
            self.sendMessage(packet.encode())

    async def receive(self, start: str) -> str:
        """The next packet that begins so."""
        found: list[str] = []

        def there() -> bool:
            while self.taken < len(self.received) and not found:
                if self.received[self.taken].startswith(start):
                    found.append(self.received[self.taken])
                self.taken += 1
            return bool(found)

        await eventually(there, f"a packet {start}; received {self.received[-3:]}")
        return found[0]

    async def closing_code(self) -> int:
        """The code of the ``closing`` event; returns once the socket is closed after that."""
        _, data = json.loads((await self.receive('42["closing"'))[2:])
        await self.closed()
        code: int = data["code"]
        return code


async def ask(
    port: int, query: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
) -> Any:
    """One request of polling: its answer, with the body as ``answer.body``."""
    url = f"http://127.0.0.1:{port}/socket.io/?{query}"
    agent = Agent(reactor, connectTimeout=PATIENCE)
    answer = await treq.request(method, url, data=body, headers=headers or {}, agent=agent, timeout=PATIENCE)
    answer.body = await treq.content(answer)
    return answer


async def a_session(port: int, version: int = 4, more: str = "") -> str:
    """The query of a new session by polling; ``more`` is more of its query."""
    query = f"EIO={version}&transport=polling{more}"
    answer = await ask(port, query)
    assert answer.code == 200, answer.body
    found = re.search(rb'sid\\?":\\?"([^"\\]+)', answer.body)  # JSONP has it in a string
    assert found is not None, answer.body
    return f"{query}&sid={found[1].decode()}"


class PlainCase(SettingsCase):
    """Tests by hand."""

    settings = SETTINGS

    async def ask(self, query: str, method: str = "GET", body: bytes | None = None) -> Any:
        return await ask(self.daemon.http, query, method, body)

    async def a_session(self, *, init: str | None = None) -> str:
        """A session by polling, in the default namespace; bound with ``init``, a session key, where there is one."""
        query = await a_session(self.daemon.http)
        said = "40" if init is None else f'40\x1e42["init",{{"session_key":"{init}"}}]'
        await self.ask(query, "POST", said.encode())
        return query

    async def until(self, query: str, wanted: str) -> list[str]:
        """Poll, and answer pings, until a packet comes that begins so; all packets."""
        packets: list[str] = []
        while not any(packet.startswith(wanted) for packet in packets):
            answer = await self.ask(query)
            assert answer.code == 200, (packets[-3:], answer.body)
            came = answer.body.decode().split("\x1e")
            packets += came
            if "2" in came:
                await self.ask(query, "POST", b"3")
        return packets

    async def over(self, query: str) -> None:
        """Returns once the session of this query is unknown; polls do not keep it alive."""
        for _ in range(200):
            answer = await self.ask(query)
            if answer.code == 400 and json.loads(answer.body)["code"] == 1:
                return
        raise AssertionError("the session is not over")

    async def a_trial(self, query: str, **handshake: Any) -> Packets:
        """A WebSocket to which this session may upgrade."""
        return await self._open(query.replace("polling", "websocket"), **handshake)

    async def packets(self, *, init: str | None = None, **handshake: Any) -> Packets:
        """A session by WebSocket, in the default namespace; bound where ``init`` is a session key."""
        socket = await self._open("EIO=4&transport=websocket", **handshake)
        socket.send("40")
        await socket.receive("40")
        if init is not None:
            socket.send(f'42["init",{{"session_key":"{init}"}}]')
            await socket.receive('42["ready"')
        return socket

    async def _open(self, query: str, **handshake: Any) -> Packets:
        socket = await listen_as(Packets, self.daemon.http, f"/socket.io/?{query}", **handshake)
        self._listeners.append(socket)
        return socket
