"""Binding: what happens when a client says ``init``, over whatever protocol.

The order that loses nothing: bind to the live events first and hold them back, tell where things stand, replay what
was missed up to there, then let through what was held and is newer.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.errors import ApiError, LoginTimeout, TooManyRequests
from justchat.interfaces.realtime import IConnection, IRegistry, IReplay
from justchat.interfaces.users import ISessions
from justchat.limits.connection_limiter import ConnectionLimiter
from justchat.model.ids import Id, as_id
from justchat.model.user import Session
from justchat.protocol.close_codes import CloseCode
from justchat.protocol.encoded_events import EncodedBatch, EncodedEvent
from justchat.protocol.events import Position, caught_up, ready, refusal

MOST_HELD = 1024 * 1024
"""Bytes held back during one replay; more, and the client is too slow to come back this way (4413)."""
MOST_INITS = 128
"""Inits that may wait for their answers. Of the keys that wait, what is longer than a key is let go."""
LONGEST_KEY = 256


@frozen(kw_only=True)
class Services:
    """What binding needs."""

    sessions: ISessions
    registry: IRegistry
    replay: IReplay
    connection_limiter: ConnectionLimiter
    count_init: Callable[[Id], None] = lambda _: None
    """Counts an init among the calls of its session. Raises TooManyRequests."""


class SessionBinding:
    """The binding of one connection to a session. Its connection has no session until it is bound."""

    _log = Logger()

    def __init__(self, connection: IConnection, services: Services) -> None:
        self._connection = connection
        self._services = services
        self._bound: IConnection | None = None
        self._inits: deque[tuple[str, Position]] = deque()
        """Those that wait their turn, the one under way first."""
        self._over = False

    def receive(self, data: object) -> None:
        """The data of an ``init``. The answers go through the connection, in the order of the inits."""
        init = asked(data)
        if init is None:
            self._connection.close(CloseCode.MALFORMED, "an init has a session_key, and perhaps n, room and seq")
            return
        if len(self._inits) == MOST_INITS:
            self._connection.close(CloseCode.TOO_MANY, "too many inits at once")
            return
        self._inits.append(init)
        if len(self._inits) == 1:
            Deferred.fromCoroutine(self._answer()).addErrback(self._failed)

    def leave(self) -> None:
        """The connection is going: hear nothing more."""
        self._over = True
        self._inits.clear()
        self._unbind()

    def _is_over(self) -> bool:
        return self._over

    async def _answer(self) -> None:
        while self._inits:
            await self._init(*self._inits[0])
            if self._inits:
                self._inits.popleft()

    async def _init(self, key: str, have: Position) -> None:
        try:
            session = await self._services.sessions.get(key)
            self._services.count_init(session.id)
            if not self._is_over():
                await self._bind(session, have)
        except ApiError as error:
            if not self._is_over():
                self._connection.send(EncodedEvent(refusal(error)))
                self._connection.close(_code_of(error), error.detail)

    async def _bind(self, session: Session, have: Position) -> None:
        replay = self._services.replay
        self._unbind()
        if self._services.connection_limiter.is_too_many(self._services.registry.sockets_of(session)):
            self._connection.close(CloseCode.TOO_MANY, "the session has as many sockets as it may")
            return
        gate = _Gate(self._connection, session)
        stand_in: IConnection = gate
        self._switch_to(stand_in, session)
        at = await replay.position(session.user)
        self._tell(EncodedEvent(ready(session.user, at).to_json()))
        if have.n is not None or have.seq is not None:
            recovered = await replay.replay(session.user, have, at, self._tell_in_turn)
            self._tell(EncodedEvent(caught_up(recovered).to_json()))
            await self._tell_in_turn(gate.held(at))
        if self._is_over() or self._bound is not stand_in:
            return
        self._services.registry.replace(gate, self._connection, session)
        self._bound = self._connection
        gate.open(at)

    def _tell(self, frame: EncodedEvent) -> None:
        if not self._is_over():
            self._connection.send(frame)

    async def _tell_in_turn(self, frames: Iterable[EncodedEvent]) -> bool:
        """Send frames as fast as they are read; whether the connection is still there."""
        for frame in frames:
            self._tell(frame)
            while not self._is_over() and (full := self._connection.full()) is not None:
                await full
        return not self._is_over()

    def _switch_to(self, connection: IConnection, session: Session) -> None:
        self._connection.session = session
        self._bound = connection
        self._services.registry.bind(connection, session)

    def _unbind(self) -> None:
        session = self._connection.session
        if self._bound is not None and session is not None:
            self._services.registry.unbind(self._bound, session)
        self._bound = self._connection.session = None

    def _failed(self, failure: Failure) -> None:
        self._log.failure("a connection could not be bound", failure)
        if not self._is_over():
            self._connection.close(CloseCode.FAULT, "a fault of ours")


@implementer(IConnection)
class _Gate:
    """Stands for a connection while that is catching up, and holds back what is new."""

    wire = None

    def __init__(self, connection: IConnection, session: Session) -> None:
        self._connection = connection
        self.session = session
        self._held: deque[EncodedEvent] = deque()
        self._bytes = 0
        self._opened_at: Position | None = None

    def send(self, frame: EncodedEvent) -> None:
        if self._opened_at is not None:  # it has been replaced since, and this waited for it
            self._let_through(frame, self._opened_at)
            return
        self._bytes += len(frame.text)
        if self._bytes > MOST_HELD:
            self._held.clear()
            self._connection.close(CloseCode.TOO_SLOW, "too much happened while you were catching up")
        else:
            self._held.append(frame)

    def held(self, at: Position) -> Iterator[EncodedEvent]:
        """What is held back and ``at`` does not count, one by one, and what comes while it is taken."""
        while self._held:
            frame = self._held.popleft()
            self._bytes -= len(frame.text)
            if self._is_due(frame, at):
                yield frame

    def send_batch(self, burst: EncodedBatch) -> None:
        for frame in burst.frames:
            self.send(frame)

    def open(self, at: Position) -> None:
        """Let through what ``at`` does not count, from now on too."""
        self._opened_at = at
        for frame in self.held(at):
            self._connection.send(frame)

    def _let_through(self, frame: EncodedEvent, at: Position) -> None:
        if self._is_due(frame, at):
            self._connection.send(frame)

    def _is_due(self, frame: EncodedEvent, at: Position) -> bool:
        return self._connection.session is self.session and _is_newer(frame, self.session.user, at)

    def full(self) -> Awaitable[None] | None:
        return self._connection.full()

    def close(self, code: int, reason: str) -> None:
        self._connection.close(code, reason)


def _code_of(error: ApiError) -> CloseCode:
    """What a socket is closed with after an init that is refused."""
    match error:
        case LoginTimeout():
            return CloseCode.SESSION_OVER
        case TooManyRequests():
            return CloseCode.TOO_MANY
        case _:
            return CloseCode.TRY_LATER


def _is_newer(frame: EncodedEvent, user: Id, at: Position) -> bool:
    """Whether a frame tells of something that ``at`` does not count yet."""
    if frame.stream == user:
        return at.n is None or frame.seq > at.n
    if frame.stream is not None and frame.stream == at.room:
        return at.seq is None or frame.seq > at.seq
    return True


def asked(data: Any) -> tuple[str, Position] | None:
    """The session key of an init, and what the client has; None for what is no init."""
    if not isinstance(data, dict) or not isinstance(data.get("session_key"), str):
        return None
    n, room, seq = (data.get(name) for name in ("n", "room", "seq"))
    n, seq = (int(number) if type(number) is float and number.is_integer() else number for number in (n, seq))
    if not all(number is None or (type(number) is int and 0 <= number < 2**53) for number in (n, seq)):
        return None
    if room is not None and not isinstance(room, str):
        return None
    key = data["session_key"] if len(data["session_key"]) <= LONGEST_KEY else ""
    return key, Position(n=n, room=None if room is None else as_id(room), seq=seq)
