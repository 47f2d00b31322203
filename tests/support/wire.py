"""Raw bytes over HTTP, and daemons with other settings."""

import json
from typing import Any

from attrs import frozen
from pymongo import MongoClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from tests.support.chat import ChatTestCase
from tests.support.daemon import Daemon
from tests.support.kept import Kept
from tests.support.mongo import drop, empty_uri
from tests.support.waiting import PATIENCE

NOBODY = "0123456789abcdef01234567"
"""A well-formed id that does not exist."""
USER_FIELDS = {
    *("_id", "phone", "nickname", "location", "photo", "dob", "gender", "room", "rooms", "visitedRooms"),
    *("gifts", "gifts_count", "balance", "create_at", "created_at"),
}
ROOM_FIELDS = {
    *("_id", "name", "max_users", "admin", "moderators", "users", "banned", "visiters", "silently", "slow_mode"),
    *("users_count", "is_private", "create_at", "created_at"),
}
MESSAGE_FIELDS = {"_id", "author", "text", "room", "user", "ref_message", "type", "create_at", "created_at", "seq"}
TIME = r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z"
PHOTO = "uploads/0123456789abcdef0123456789abcdef.png"


class _Wire(Protocol):
    def __init__(self) -> None:
        self.received = b""
        self.closed: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.closed.callback(None)


@frozen
class RawAnswer:
    """An answer as received: its status line, headers by lower-case name, and body."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.line.split(" ")[1])

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def exchange(port: int, said: bytes, endpoint: Any = None) -> list[RawAnswer]:
    """Send these bytes over a connection, or an ``endpoint``; returns all answers once the daemon has closed it."""
    endpoint = endpoint or TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    wire: _Wire = await endpoint.connect(Factory.forProtocol(_Wire))
    try:
        wire.transport.write(said)
        wire.closed.addTimeout(PATIENCE, reactor)
        await wire.closed
    finally:
        wire.transport.abortConnection()
    answers, rest = [], wire.received
    while rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        # An answer to HEAD has the length of a body that does not follow.
        length = 0 if rest.startswith(b"HTTP/1.") else int(headers.get("content-length", 0))
        answers.append(RawAnswer(line, headers, rest[:length]))
        rest = rest[length:]
    return answers


def a_request(line: str, *headers: str, body: bytes | None = None, last: bool = False) -> bytes:
    """The bytes of a request; ``last`` asks the daemon to close after it."""
    lines = [f"{line} HTTP/1.1", "Host: localhost", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if last:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


class OwnDaemonCase(ChatTestCase):
    """Tests that each have a daemon with other settings."""

    embedded = False
    """Whether the daemon starts a MongoDB, which takes a second; else it has a new database of the tests' own."""

    async def its_daemon(self) -> Daemon:
        self._uri = None if self.embedded else empty_uri()
        return Daemon()

    async def tearDown(self) -> None:
        await super().tearDown()
        self.daemon.remove()
        if self._uri is not None:
            drop(self._uri)

    async def start(self, toml: str) -> None:
        await _start(self.daemon, toml, self._uri)


class OwnDatabaseCase(OwnDaemonCase):
    """Tests that look into the ``database`` of their daemon, which has the settings of the shared one."""

    async def setUp(self) -> None:
        await super().setUp()
        assert self._uri is not None
        client = MongoClient[dict[str, Any]](self._uri)
        self.addCleanup(client.close)
        self.database = client.get_default_database()
        self.daemon.options = ("--mongo", self._uri)


def _end(daemon: Daemon) -> None:
    daemon.remove()
    drop(uri_of(daemon))


def uri_of(daemon: Daemon) -> str:
    """The database of a daemon that has none of its own."""
    return daemon.options[daemon.options.index("--mongo") + 1]


_daemons = Kept[Daemon](_end)


class SettingsCase(ChatTestCase):
    """Tests that share a daemon with other settings."""

    settings: str

    async def its_daemon(self) -> Daemon:
        async def make() -> Daemon:
            return await _start(Daemon(), self.settings, empty_uri())

        return await _daemons.get(self.settings, make)


async def _start(daemon: Daemon, toml: str, uri: str | None) -> Daemon:
    config = daemon.folder / "justchat.toml"
    config.write_text(toml)
    daemon.options = ("--config", str(config), *(() if uri is None else ("--mongo", uri)))
    return await daemon.start()
