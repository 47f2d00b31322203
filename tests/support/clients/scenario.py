"""The scenario that every foreign client goes through, against any running daemon."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from tests.support.browser import CHROMIUM, Browser
from tests.support.chat import a_phone
from tests.support.socketio import clients
from tests.support.waiting import eventually

HERE = Path(__file__).parent
OLD_PYTHON_SOCKETIO = HERE / "node_modules" / "python-socketio-4"
"""Beside npm's folder, which git ignores."""
NODE_KINDS = {"fetch": "fetch", "ws": "websocket", **{f"socket.io-client {n}": f"v{n}" for n in (1, 2, 3, 4)}}
PYTHON_KINDS = {
    "curl": "curl",
    "EngineSession.IO 3 in binary framing": "octets",
    "websockets": "websockets",
    "aiohttp": "aiohttp",
    "python-socketio 5": "socketio",
    "python-socketio 4": "socketio",
}
KINDS = (*NODE_KINDS, *PYTHON_KINDS, "Chromium")


@frozen(kw_only=True)
class Place:
    """Where a daemon is: the URLs of API and socket, its data directory, the authority of its certificate.

    ``alpn`` are the protocols that Python's clients offer over TLS.
    """

    http: str
    socket: str
    data: Path
    authority: Path | None = None
    alpn: tuple[str, ...] = ("h2", "http/1.1")


def missing(kind: str) -> str | None:
    """Why this client cannot run here; None where it can."""
    if kind in NODE_KINDS:
        return clients.MISSING
    if kind == "curl" and not shutil.which("curl"):
        return "curl is not installed"
    if kind == "Chromium" and not CHROMIUM:
        return "Chromium is not installed"
    return None


class Driver(Protocol):
    """A client that takes commands; what happens to it is in ``received``."""

    received: list[list[Any]]

    async def command(self, command: str, *more: Any) -> None: ...

    async def leave(self) -> None: ...


class Process(ProcessProtocol):
    """A client in a separate process."""

    def __init__(self, kind: str, place: Place) -> None:
        self.ended: Deferred[None] = Deferred()
        self.received: list[list[Any]] = []
        self.faults = ""
        self._rest = b""
        environ = dict(os.environ)
        if kind in NODE_KINDS:
            clients.install()
            assert clients.NODE is not None
            command = [clients.NODE, str(HERE / "client.js"), NODE_KINDS[kind], place.http, place.socket]
            environ |= {"NODE_EXTRA_CA_CERTS": str(place.authority)} if place.authority else {}
        else:
            command = [sys.executable, str(HERE / "client.py"), PYTHON_KINDS[kind], place.http, place.socket]
            command += [str(place.authority or ""), ",".join(place.alpn)]
            if kind == "python-socketio 4":
                environ["PYTHONPATH"] = str(install_old_python_socketio())
        reactor.spawnProcess(self, command[0], command, env=environ)

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.received += map(json.loads, lines)

    def errReceived(self, data: bytes) -> None:
        self.faults += data.decode("utf-8", "replace")

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(None)

    async def command(self, command: str, *more: Any) -> None:
        self.transport.write(json.dumps([command, *more]).encode() + b"\n")

    async def leave(self) -> None:
        if not self.ended.called:
            self.transport.signalProcess("KILL")
            await self.ended


class Page:
    """A page in Chromium, with the browser's own ``fetch`` and ``WebSocket``."""

    def __init__(self, place: Place) -> None:
        self.received: list[list[Any]] = []
        self.faults = ""
        self._folder = Path(tempfile.mkdtemp(prefix="jc-page-"))
        page = self._folder / "page.html"
        page.write_text(
            f'<meta charset="utf-8"><script>{(HERE / "client.js").read_text()}\nvar received = [];\n'
            f'var client = makeClient("websocket", {json.dumps(place.http)}, {json.dumps(place.socket)},'
            f" (...what) => received.push(what));</script>"
        )
        trust = [] if place.authority is None else [f"--ignore-certificate-errors-spki-list={_pin(place)}"]
        self._browser = Browser(page, *trust)
        self._tools: Any = None

    async def command(self, command: str, *more: Any) -> None:
        if self._tools is None:
            self._tools = await self._browser.tools()
            while await self._tools.evaluate("typeof client") != "object":
                pass  # the page is being loaded
        arguments = ", ".join(map(json.dumps, more))
        await self._tools.evaluate(f"void client.{command}({arguments})")

    async def look(self) -> None:
        self.received += json.loads(await self._tools.evaluate("JSON.stringify(received.splice(0))"))

    async def leave(self) -> None:
        if self._tools is not None:
            await self._tools.leave()
        await self._browser.end()
        shutil.rmtree(self._folder, ignore_errors=True)


def _pin(place: Place) -> str:
    """The hash by which Chromium accepts the daemon's certificate, whose file is beside the authority's."""
    assert place.authority is not None
    certificate = x509.load_pem_x509_certificate((place.authority.parent / "localhost.pem").read_bytes())
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(public).digest()).decode()


def install_old_python_socketio() -> Path:
    """The folder of python-socketio 4. It is made once."""
    wanted = HERE / "python-socketio-4.txt"
    mark = OLD_PYTHON_SOCKETIO / wanted.name
    if not mark.exists() or mark.read_text() != wanted.read_text():
        import fcntl

        with open(wanted) as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
            pip += ["--disable-pip-version-check", "--target", str(OLD_PYTHON_SOCKETIO), "-r", str(wanted)]
            subprocess.run(pip, check=True, capture_output=True)
            mark.write_text(wanted.read_text())
    return OLD_PYTHON_SOCKETIO


class Walk:
    """One client's scenario: it signs two users in, one who listens and one who sends."""

    def __init__(self, driver: Driver, place: Place) -> None:
        self.driver = driver
        self.place = place

    async def next(self, what: str, name: str | None = None) -> list[Any]:
        """The next untaken report of this kind. Fails on a fault that the client reports."""

        async def first() -> list[list[Any]]:
            if isinstance(self.driver, Page):
                await self.driver.look()
            for place, (kind, *more) in enumerate(self.driver.received):
                assert kind != "fault", more
                # An event may come before the answer of the call that brought it.
                if kind == what and (name is None or more[0] == name):
                    del self.driver.received[place]
                    return [more]
            return []

        def received() -> str:
            return f"{what} {name or ''}; received {self.driver.received[-3:]} {getattr(self.driver, 'faults', '')}"

        (found,) = await eventually(first, received)
        return found

    async def call(self, path: str, **body: Any) -> Any:
        await self.driver.command("call", path, body)
        status, answer = await self.next("answer")
        assert status in (200, 201), (path, status, answer)
        return answer.get("data")

    async def sign_in(self) -> Any:
        phone = a_phone()
        await self.call("/init/reg", phone=phone)
        lines = map(json.loads, (self.place.data / "sms-outbox.jsonl").read_text().splitlines())
        text = [line["text"] for line in lines if line["phone"] == phone][-1]
        return await self.call("/init/auth", phone=phone, key=re.findall(r"\d+", text)[0])

    async def init(self, **data: Any) -> Any:
        await self.driver.command("init", data)
        _, ready = await self.next("event", "ready")
        return ready

    async def say(self, who: Any, room: str, text: str) -> Any:
        message = {"room_id": room, "text": text}
        return (await self.call("/room/sendMessage", session_key=who["session_key"], message=message))["message"]

    async def go(self) -> None:
        """Sign in, listen, get events, send init again, leave, and come back to what was missed."""
        anna, boris = await self.sign_in(), await self.sign_in()
        key = anna["session_key"]
        room = (await self.call("/room/create", session_key=key, room={"name": "clients"}))["room"]["_id"]
        for who in (anna, boris):
            await self.call("/room/enter", session_key=who["session_key"], room={"id": room})
        await self.driver.command("open")
        await self.next("opened")

        ready = await self.init(session_key=key)
        assert (ready["user"], ready["room"]) == (anna["user"]["_id"], room), ready
        said = await self.say(boris, room, "Чай готов ☕ 🫖")
        assert await self.next("event", "message") == ["message", {"error": None, **said}]

        assert (await self.init(session_key=key))["seq"] == said["seq"]
        await self.driver.command("close")
        await self.next("closed")
        missed = [await self.say(boris, room, text) for text in ("раз", "two")]

        await self.driver.command("open")
        await self.next("opened")
        await self.init(session_key=key, n=ready["n"], room=room, seq=said["seq"])
        for message in missed:
            assert await self.next("event", "message") == ["message", {"error": None, **message}]
        assert await self.next("event", "caught-up") == ["caught-up", {"error": None, "recovered": True}]
        await self.driver.command("close")
        await self.next("closed")


async def walk(kind: str, place: Place) -> None:
    """Run the scenario with a client of this kind. Raises AssertionError where a step fails."""
    driver = Page(place) if kind == "Chromium" else Process(kind, place)
    try:
        await Walk(driver, place).go()
    finally:
        await driver.leave()
