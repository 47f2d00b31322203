"""Binding: what happens when a client sends ``init``, over any protocol.

The order of these steps loses no event:

1. Bind a gate to the live events, which holds them back.
2. Send ``ready`` with the position of the streams.
3. Replay what the client missed up to that position.
4. Send the held events that are newer than the position.
5. Replace the gate by the connection itself.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.errors import ApiError, LoginTimeout, TooManyRequests
from justchat.hub.gate import Gate
from justchat.interfaces.realtime import IConnection, IPositions, IRegistry, IReplay, ISocketAccess
from justchat.interfaces.users import ISessions
from justchat.limits.connection_limiter import ConnectionLimiter
from justchat.metrics.declarations import REPLAYS
from justchat.model.ids import Id
from justchat.model.user import Session
from justchat.protocol.close_codes import CloseCode
from justchat.protocol.encoded_events import EncodedEvent
from justchat.protocol.events import Position, caught_up_event, encode_error_event, ready_event
from justchat.protocol.init import Init, parse_init

MOST_INITS = 128
"""Inits of one connection that may wait for their answers."""


@frozen(kw_only=True)
class BindingServices:
    """What binding asks of the daemon's other parts."""

    sessions: ISessions
    registry: IRegistry
    positions: IPositions
    replay: IReplay
    blocks_of: Callable[[Id, int], Awaitable[Sequence[Id]]]
    """The users whom a user blocks, with what the first so many entries of their stream say."""
    connection_limiter: ConnectionLimiter
    count_init: Callable[[Id], None] = lambda _: None
    """Counts an init among the calls of its session. Raises TooManyRequests."""
    access: ISocketAccess | None = None


class SessionBinding:
    """The binding of one connection to a session. The connection's ``session`` is None until it is bound."""

    _log = Logger()

    def __init__(self, connection: IConnection, services: BindingServices) -> None:
        self._connection = connection
        self._services = services
        self._bound: IConnection | None = None
        """What the registry has for the connection: its gate, or itself."""
        self._inits: list[Init] = []
        """Inits without an answer. The first is being answered. An empty deque takes ten times the memory of a list."""
        self._stopped = False

    def receive(self, data: object) -> None:
        """Take the data of an ``init``. The answers go to the connection, in the order of the inits."""
        init = parse_init(data)
        if init is None:
            self._connection.close(CloseCode.MALFORMED, "an init has a session_key, and perhaps n, room and seq")
            return
        if len(self._inits) == MOST_INITS:
            self._connection.close(CloseCode.TOO_MANY, "too many inits at once")
            return
        self._inits.append(init)
        if len(self._inits) == 1:
            Deferred.fromCoroutine(self._answer_all()).addErrback(self._failed)

    def stop(self) -> None:
        """Unbind the connection, which is closing, and drop the inits that wait."""
        self._stopped = True
        self._inits.clear()
        self._unbind()

    def _is_stopped(self) -> bool:
        # A call, since mypy takes an attribute for unchanged across an await.
        return self._stopped

    async def _answer_all(self) -> None:
        while self._inits:
            await self._answer(self._inits[0])
            if self._inits:
                del self._inits[0]

    async def _answer(self, init: Init) -> None:
        try:
            session = await self._services.sessions.get(init.session_key)
            self._services.count_init(session.id)
            if not self._is_stopped():
                await self._bind(session, init.position)
        except ApiError as error:
            if not self._is_stopped():
                self._connection.send(EncodedEvent(encode_error_event(error)))
                self._connection.close(_close_code_of(error), error.detail)

    async def _bind(self, session: Session, have: Position) -> None:
        registry = self._services.registry
        self._unbind()
        limiter = self._services.connection_limiter
        if limiter.is_too_many(session.id, registry.count_connections(session)):
            self._connection.close(CloseCode.TOO_MANY, "the session has as many sockets as it may")
            return
        gate = Gate(lambda: [self._connection], session)
        gate.awaits_position = True
        bound: IConnection = gate
        self._connection.session = session
        self._connection.last_user = session.user
        self._bound = bound
        registry.bind(bound, session)
        limiter.session_has(session.id, registry.count_connections(session))
        at = await self._services.positions.position(session.user, have)
        gate.awaits_position = False
        is_due = partial(self._is_due, session, LaterEvents(session.user, at))
        blocks = await self._services.blocks_of(session.user, at.n or 0)
        self._send(EncodedEvent(ready_event(session.user, at, blocks).to_json()))
        if have.n is not None or have.seq is not None:
            recovered = await self._replay(session, have, at)
            self._send(EncodedEvent(caught_up_event(recovered).to_json()))
            await self._send_all(gate.drain(is_due))
        if self._is_stopped() or self._bound is not bound:
            return
        registry.replace(bound, self._connection, session)
        self._bound = self._connection
        gate.open(is_due)

    async def _replay(self, session: Session, have: Position, at: Position) -> bool:
        outcome = "failed"
        try:
            recovered = await self._services.replay.replay(session.user, have, at, self._send_all)
            outcome = "left" if self._is_stopped() else "recovered" if recovered else "not_recovered"
        finally:
            REPLAYS.count(outcome)
        return recovered

    def _is_due(self, session: Session, later: "LaterEvents", event: EncodedEvent) -> bool:
        return self._connection.session is session and later.has(event)

    def _send(self, event: EncodedEvent) -> None:
        if not self._is_stopped():
            self._connection.send(event)

    async def _send_all(self, events: Iterable[EncodedEvent]) -> bool:
        """Send events as fast as the client reads them; return whether the connection is still open."""
        for event in events:
            self._send(event)
            while not self._is_stopped() and (full := self._connection.full()) is not None:
                await full
        return not self._is_stopped()

    def _unbind(self) -> None:
        session = self._connection.session
        if self._bound is not None and session is not None:
            registry = self._services.registry
            registry.unbind(self._bound, session)
            self._services.connection_limiter.session_has(session.id, registry.count_connections(session))
        self._bound = self._connection.session = None

    def _failed(self, failure: Failure) -> None:
        self._log.failure("a connection could not be bound", failure)
        if not self._is_stopped():
            self._connection.close(CloseCode.INTERNAL_ERROR, "an internal error")


def _close_code_of(error: ApiError) -> CloseCode:
    """The close code after an init that is refused with this error."""
    match error:
        case LoginTimeout():
            return CloseCode.SESSION_OVER
        case TooManyRequests():
            return CloseCode.TOO_MANY
        case _:
            return CloseCode.TRY_AGAIN_LATER


class LaterEvents:
    """Those of a user's held events that come after the position ``at``. Each is asked for once, in their order."""

    def __init__(self, user: Id, at: Position) -> None:
        self._user = user
        self._at = at
        self._over: set[Id | None] = set()
        """Rooms whose events are of a stay that was over at the position: its client would take it for a new one."""

    def has(self, event: EncodedEvent) -> bool:
        """Whether an event comes after the position; events of neither stream mostly do."""
        at, stream = self._at, event.stream
        if stream == self._user:
            return at.n is None or event.seq > at.n
        if stream is not None and stream == at.room:
            return at.seq is None or event.seq > at.seq
        if event.entering is not None and event.entering[0] == self._user:
            (self._over.add if event.entering[1] <= at.entered else self._over.discard)(stream)
        return stream not in self._over
