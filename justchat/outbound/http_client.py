"""Asking other servers by HTTP: a bounded time, a bounded answer, and errors that tell nothing of what was sent."""

from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any

from treq.client import HTTPClient
from treq.cookies import IndexableCookieJar
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.python.failure import Failure
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool

ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer's body that are read."""


class NoAnswer(Exception):
    """There is none that is whole; the message says why, with nothing of what was sent or answered: either may hold a
    secret.
    """

    def __init__(self, reason: str, *, unreachable: bool = False, unsendable: bool = False) -> None:
        super().__init__(reason)
        self.unreachable = unreachable
        """The server could not be connected to: nothing was sent."""
        self.unsendable = unsendable
        """The request is none that can be sent, and was not."""


class HttpClient:
    """Makes requests, each over a connection of its own. ``whom`` is what errors call the server."""

    def __init__(self, whom: str, timeout: float, reactor: Any) -> None:
        self._whom = whom
        self._timeout = timeout
        self._reactor = reactor
        self._tls = BrowserLikePolicyForHTTPS()

    async def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """The status and body of an answer. Follows no redirect. Raises NoAnswer."""
        exchange = Deferred.fromCoroutine(self._exchange(method, url, headers, body))
        exchange.addTimeout(self._timeout, self._reactor, self._too_late)
        try:
            return await exchange
        except NoAnswer:
            raise
        except Exception as error:
            # Twisted's and treq's messages may quote the URL or a header: only the kind of the error is told.
            # What happened once a connection was there, Twisted's client wraps.
            raise NoAnswer(
                f"{self._whom} cannot be asked: {_kind(error)}",
                unreachable=isinstance(error, ConnectError | DNSLookupError),
                unsendable=isinstance(error, ValueError),
            ) from None

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        connections = _Connections(self._reactor)
        try:
            return await self._read(connections, method, url, headers, body)
        except BaseException:
            connections.cut()
            raise

    async def _read(
        self, connections: "_Connections", method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes]:
        agent = Agent(self._reactor, self._tls, connectTimeout=self._timeout, pool=connections)
        client = HTTPClient(agent, IndexableCookieJar(DefaultCookiePolicy(allowed_domains=[])))
        response = await client.request(
            method, url, headers=dict(headers), data=body, allow_redirects=False, unbuffered=True, reactor=self._reactor
        )
        answer = bytearray()

        def add(data: bytes) -> None:
            if len(answer) + len(data) > ANSWER_LIMIT:
                raise NoAnswer(f"{self._whom}'s answer is too large")
            answer.extend(data)

        # Also where nobody looks at it: an answer cut short is none.
        await response.collect(add)
        return response.code, bytes(answer)

    def _too_late(self, _result: object, seconds: float) -> Failure:
        return Failure(NoAnswer(f"{self._whom} did not answer within {seconds:g} s"))


class _Connections(HTTPConnectionPool):
    """The connections of one exchange.

    What a response calls its transport can only be closed politely, and TLS waits for a silent peer's farewell
    forever; so the connections themselves are kept at hand.
    """

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor, persistent=False)
        self._made: list[Any] = []

    def getConnection(self, key: Any, endpoint: Any) -> Any:
        return super().getConnection(key, endpoint).addCallback(self._keep)

    def _keep(self, connection: Any) -> Any:
        self._made.append(connection)
        return connection

    def cut(self) -> None:
        """Close them at once, whatever is under way."""
        for connection in self._made:
            connection.transport.abortConnection()


def _kind(error: BaseException) -> str:
    """The kind of the first cause."""
    reasons = getattr(error, "reasons", None)
    return _kind(reasons[0].value) if reasons else type(error).__name__
