"""The daemon stops: its sockets are closed in batches, so that clients do not all reconnect at once."""

from itertools import pairwise
from typing import Any

from attrs import define, field
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from justchat.config.limits import Limits
from justchat.config.settings import Websocket
from justchat.limits.client_address import ClientAddresses
from justchat.limits.connection_limiter import ConnectionLimiter
from justchat.realtime.session_binding import BindingServices
from justchat.realtime.websocket import CLOSE_OVER, CLOSE_PAUSE, CLOSE_TIMEOUT, RawWebSocketFactory


@define(eq=False)
class FakeSocket:
    """Disconnects as soon as it is closed, unless it ``hangs``."""

    factory: RawWebSocketFactory
    hangs: bool = False
    codes: list[int] = field(factory=list)

    def close(self, code: int, reason: str) -> None:
        self.codes.append(code)
        if not self.hangs:
            self.factory.gone(self)  # type: ignore[arg-type]


class Closing(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        connection_limiter = ConnectionLimiter(Limits(), ClientAddresses((), "X-Forwarded-For", ()), self.clock)
        nothing: Any = None
        services = BindingServices(
            sessions=nothing,
            registry=nothing,
            positions=nothing,
            replay=nothing,
            blocks_of=nothing,
            connection_limiter=connection_limiter,
        )
        self.factory = RawWebSocketFactory(settings=Websocket(), services=services, reactor=self.clock)

    def sockets(self, number: int, **how: bool) -> list[FakeSocket]:
        sockets = [FakeSocket(self.factory, **how) for _ in range(number)]
        self.factory.sockets = set(sockets)  # type: ignore[arg-type]
        return sockets

    def test_few(self) -> None:
        """Few are closed at once."""
        sockets = self.sockets(20)

        self.successResultOf(ensureDeferred(self.factory.close_all()))

        self.assertEqual([[1001]] * 20, [socket.codes for socket in sockets])

    def test_many(self) -> None:
        """Many are closed over some seconds, about as many in each of them."""
        sockets = self.sockets(10_000)
        closing = ensureDeferred(self.factory.close_all())
        closed = []
        for _ in range(int(CLOSE_OVER / CLOSE_PAUSE)):
            closed.append(sum(map(len, (socket.codes for socket in sockets))))
            self.clock.advance(CLOSE_PAUSE)

        self.successResultOf(closing)
        self.assertEqual({(1001,)}, {tuple(socket.codes) for socket in sockets})
        self.assertLess(max(after - before for before, after in pairwise(closed)), 50)

    def test_hanging(self) -> None:
        """The wait for a client that does not close is bounded."""
        self.sockets(1, hangs=True)

        closing = ensureDeferred(self.factory.close_all())

        self.assertNoResult(closing)
        self.clock.advance(CLOSE_OVER + CLOSE_TIMEOUT)
        self.successResultOf(closing)
