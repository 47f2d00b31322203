"""Both socket factories in the test's process, without a database."""

from datetime import timedelta

from twisted.internet import reactor
from twisted.internet.defer import DeferredList
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource

from justchat.config.limits import Limits
from justchat.config.settings import Http, Websocket
from justchat.http.site import JustChatSite
from justchat.hub.broadcast import Broadcast
from justchat.hub.registry import Registry
from justchat.limits.client_address import ClientAddresses
from justchat.limits.connection_limiter import ConnectionLimiter
from justchat.limits.http_connection_limiter import HttpConnectionLimiter
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.user import Session
from justchat.protocol.events import Position
from justchat.realtime.session_binding import BindingServices
from justchat.realtime.socketio.resource import SocketIoResource
from justchat.realtime.socketio.session import EngineSessions
from justchat.realtime.websocket import RawWebSocketFactory
from tests.support.client import Listener, listen_as
from tests.support.socketio.by_hand import Packets, a_session, ask
from tests.support.waiting import eventually


class OneSession:
    """The sessions where everybody has the same."""

    def __init__(self) -> None:
        at = now()
        self.session = Session(id=new_id(), user=new_id(), created_at=at, seen_at=at, expires_at=at + timedelta(days=1))

    async def get(self, key: str) -> Session:
        return self.session


class Nothing:
    """The positions and the replay where nothing has happened yet."""

    async def position(self, user: Id, have: Position | None = None) -> Position:
        return Position(n=0, room=None, seq=None)


async def no_blocks(user: Id, at_least: int) -> list[Id]:
    return []


class InsideCase(TestCase):
    async def setUp(self) -> None:
        self.registry = Registry(now)
        self.broadcast = Broadcast(self.registry, reactor)
        self.sessions = OneSession()
        limits, addresses = Limits(enabled=False), ClientAddresses((), "X-Forwarded-For", ())
        connection_limiter = ConnectionLimiter(limits, addresses, reactor)
        services = BindingServices(
            sessions=self.sessions,
            registry=self.registry,
            positions=Nothing(),
            replay=Nothing(),
            blocks_of=no_blocks,
            connection_limiter=connection_limiter,
        )
        self.raw = RawWebSocketFactory(settings=Websocket(), services=services, reactor=reactor)
        self.engines = EngineSessions(settings=Websocket(), services=services, reactor=reactor)
        root = Resource()
        root.putChild(b"socket.io", SocketIoResource(self.engines, lambda _: True))
        connections = HttpConnectionLimiter(limits, addresses)
        site = JustChatSite(root, Http(), limits, addresses=addresses, connections=connections, rates=None)
        self.ports = [reactor.listenTCP(0, factory, interface="127.0.0.1") for factory in (self.raw, site)]
        self.raw_port, self.http_port = (port.getHost().port for port in self.ports)
        self.listeners: list[Listener] = []
        self.queries: list[str] = []

    async def tearDown(self) -> None:
        await self.leave()
        await eventually(lambda: not self.raw.sockets, "the sockets to be gone")
        await DeferredList([port.stopListening() for port in self.ports])

    async def bind_of_each_kind(self, times: int) -> None:
        """So many raw sockets, Socket.IO clients by WebSocket and by polling, bound to the one session."""
        init = '42["init",{"session_key":"any"}]'
        for _ in range(times):
            listener = await listen_as(Listener, self.raw_port)
            self.listeners.append(listener)
            await listener.bind("any")
            packets = await listen_as(Packets, self.http_port, "/socket.io/?EIO=4&transport=websocket")
            self.listeners.append(packets)
            packets.send("40", init)
            await packets.receive('42["ready"')
            query = await a_session(self.http_port)
            self.queries.append(query)
            await ask(self.http_port, query, "POST", f"40\x1e{init}".encode())
            while b'"ready"' not in (await ask(self.http_port, query)).body:
                pass

    async def leave(self) -> None:
        """All of them go."""
        for query in self.queries:
            await ask(self.http_port, query, "POST", b"1")
            await ask(self.http_port, query)
        for listener in self.listeners:
            await listener.leave()
        self.queries.clear()
        self.listeners.clear()
