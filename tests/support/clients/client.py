"""One client of some kind, in a process of its own: commands come in on stdin, what happens goes out on stdout.

``curl`` and ``octets`` poll Engine.IO by hand, the second in the binary form of Engine.IO 3, as Android's client does;
``websockets`` and ``aiohttp`` are the raw socket's; ``socketio`` is python-socketio, of whatever version is there.
"""

import asyncio
import json
import ssl
import sys
import urllib.error
import urllib.request
from typing import Any

KIND, HTTP, SOCKET, AUTHORITY, ALPN = sys.argv[1:]
TLS = ssl.create_default_context(cafile=AUTHORITY) if AUTHORITY else None
if TLS is not None:
    TLS.set_alpn_protocols(ALPN.split(","))


def report(*what: Any) -> None:
    print(json.dumps(what), flush=True)


async def fetch(url: str, body: bytes | None = None, content_type: str = "text/plain") -> tuple[int, bytes]:
    """A GET, or a POST where there is a body: by curl where that is the client."""
    if KIND == "curl":
        return await by_curl(url, body, content_type)
    if KIND == "aiohttp":
        import aiohttp

        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=TLS or True)) as session,
            session.request("GET" if body is None else "POST", url, data=body) as answer,
        ):
            return answer.status, await answer.read()

    def by_urllib() -> tuple[int, bytes]:
        request = urllib.request.Request(url, body, {"Content-Type": content_type})
        try:
            with urllib.request.urlopen(request, context=TLS, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read()

    return await asyncio.to_thread(by_urllib)


async def by_curl(url: str, body: bytes | None, content_type: str) -> tuple[int, bytes]:
    command = ["curl", "--silent", "--show-error", "--max-time", "60", "--write-out", "\n%{http_code}", url]
    command += ["--cacert", AUTHORITY] if AUTHORITY else []
    command += [] if body is None else ["--header", f"Content-Type: {content_type}", "--data-binary", "@-"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    said, _ = await process.communicate(body)
    answer, _, status = said.rpartition(b"\n")
    return int(status), answer


class Polling:
    """Engine.IO by hand: protocol 4, or 3 in its binary form."""

    def __init__(self) -> None:
        self.octets = KIND == "octets"

    async def open(self) -> None:
        self.url = f"{HTTP}/socket.io/?EIO={3 if self.octets else 4}&transport=polling"
        _, handshake = await fetch(self.url)
        self.url += "&sid=" + json.loads(handshake[handshake.index(b"{") : handshake.index(b"}") + 1])["sid"]
        await self.post("2" if self.octets else "40")
        if "40" in self.packets(handshake.decode()):
            report("opened")  # protocol 3 connects unasked
        self.polling = asyncio.create_task(self.poll())

    async def poll(self) -> None:
        while True:
            status, body = await fetch(self.url)
            if status != 200:
                return report("fault", body.decode())
            for packet in self.packets(body.decode()):
                if packet == "2":
                    await self.post("3")
                elif packet == "1":
                    return report("closed")
                elif packet.startswith("40"):
                    report("opened")
                elif packet.startswith("42"):
                    report("event", *json.loads(packet[2:]))

    def packets(self, text: str) -> list[str]:
        if not self.octets:
            return text.split("\x1e")
        packets = []
        while text:
            length, _, text = text.partition(":")
            packets.append(text[: int(length)])
            text = text[int(length) :]
        return packets

    async def post(self, packet: str) -> None:
        body = packet.encode()
        if self.octets:
            body = bytes([0, *map(int, str(len(body))), 255]) + body
        await fetch(self.url, body, "application/octet-stream" if self.octets else "text/plain;charset=UTF-8")

    async def init(self, data: Any) -> None:
        await self.post("42" + json.dumps(["init", data]))

    async def close(self) -> None:
        await self.post("1")


class Websockets:
    """The raw socket, by ``websockets``."""

    async def open(self) -> None:
        import websockets

        self.socket = await websockets.connect(SOCKET, ssl=TLS)
        report("opened")
        self.receiving = asyncio.create_task(self.receive())

    async def receive(self) -> None:
        async for frame in self.socket:
            event = json.loads(frame)
            report("event", event["event"], event["data"])
        report("closed")

    async def init(self, data: Any) -> None:
        await self.socket.send(json.dumps({"event": "init", "data": data}))

    async def close(self) -> None:
        await self.socket.close()


class Aiohttp:
    """The raw socket, by ``aiohttp``."""

    async def open(self) -> None:
        import aiohttp

        self.session = aiohttp.ClientSession()
        self.socket = await self.session.ws_connect(SOCKET, ssl=TLS or True)
        report("opened")
        self.receiving = asyncio.create_task(self.receive())

    async def receive(self) -> None:
        async for frame in self.socket:
            event = frame.json()
            report("event", event["event"], event["data"])
        report("closed")

    async def init(self, data: Any) -> None:
        await self.socket.send_json({"event": "init", "data": data})

    async def close(self) -> None:
        await self.socket.close()
        await self.session.close()


class SocketIo:
    """python-socketio, with its own choice of transports."""

    async def open(self) -> None:
        import aiohttp
        import socketio

        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=TLS or True))
        self.client = socketio.AsyncClient(http_session=self.session)
        self.client.on("connect", lambda: report("opened"))
        for name in ("ready", "caught-up", "message", "service-message", "direct-message"):
            self.client.on(name, lambda data, name=name: report("event", name, data))
        await self.client.connect(HTTP)

    async def init(self, data: Any) -> None:
        await self.client.emit("init", data)

    async def close(self) -> None:
        await self.client.disconnect()
        await self.session.close()
        report("closed")  # version 4 has no event for what its own side ends


KINDS = {"websockets": Websockets, "aiohttp": Aiohttp, "socketio": SocketIo, "curl": Polling, "octets": Polling}


async def main() -> None:
    client = KINDS[KIND]()
    commands = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        command, *more = json.loads(line)
        try:
            if command == "call":
                path, body = more
                status, answer = await fetch(HTTP + path, json.dumps(body).encode())
                report("answer", status, json.loads(answer))
            else:
                await getattr(client, command)(*more)
        except Exception as error:
            report("fault", repr(error))


asyncio.run(main())
