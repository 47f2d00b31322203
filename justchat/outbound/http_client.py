"""An HTTP client for other servers, with a bounded time, a bounded answer, and errors without secrets."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import treq
from hyperlink import EncodedURL
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HostnameCachingHTTPSPolicy, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer, IPolicyForHTTPS
from zope.interface import implementer

from justchat.model.reach import Reach
from justchat.outbound.guarded_reactor import GuardedReactor

ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer's body by default; a larger one is an error."""


class NoAnswer(Exception):
    """There is no complete answer. The message says why, and quotes nothing of the request or the answer: either may
    contain a secret.
    """

    def __init__(self, reason: str, *, unreachable: bool = False, unsendable: bool = False) -> None:
        super().__init__(reason)
        self.unreachable = unreachable
        """Whether the server could not be connected to: nothing was sent."""
        self.unsendable = unsendable
        """Whether the request is malformed: nothing was sent."""


def tls_policy() -> IPolicyForHTTPS:
    """Verifies certificates as browsers do. To read the authorities takes milliseconds, so once a host is enough."""
    policy: IPolicyForHTTPS = HostnameCachingHTTPSPolicy(BrowserLikePolicyForHTTPS())
    return policy


class HttpClient:
    """Makes requests, each over a connection of its own, or with ``keep_alive`` over as many kept ones at most.

    ``server`` is the name of the other side in errors. ``timeout`` is in seconds, for a whole exchange;
    ``answer_limit`` is in bytes. ``tls`` is a ``tls_policy()`` that several clients share. Names that resolve to
    addresses outside of ``reach`` are not connected to: NoAnswer, unreachable.
    """

    def __init__(
        self,
        server: str,
        timeout: float,
        reactor: Any,
        *,
        answer_limit: int = ANSWER_LIMIT,
        tls: IPolicyForHTTPS | None = None,
        reach: Reach = Reach.ANY,
        keep_alive: int = 0,
    ) -> None:
        self._server = server
        self._timeout = timeout
        self._reactor = reactor
        self._guarded = GuardedReactor(reactor, reach)
        self._pool = HTTPConnectionPool(reactor, persistent=keep_alive > 0)
        self._pool.maxPersistentPerHost = keep_alive
        # A kept connection that the server closes meanwhile fails its request. What may have arrived is not repeated
        # here: the caller knows whether it may.
        self._pool.retryAutomatically = False
        self._answer_limit = answer_limit
        self._tls = tls or tls_policy()

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """The status and body of an answer. Follows no redirect. Raises NoAnswer."""
        exchange = Deferred.fromCoroutine(self._exchange(method, url, headers, body))
        exchange.addTimeout(self._timeout, self._reactor, self._timed_out)
        try:
            return await exchange
        except NoAnswer:
            raise
        except Exception as error:
            # Messages of Twisted and treq may quote the URL or a header, so NoAnswer names the kind of the error alone.
            # Twisted's client wraps errors that come after the connection is open.
            if isinstance(error, DNSLookupError) and urlsplit(url).hostname in self._guarded.refused:
                raise NoAnswer(f"{self._server} is in a private network", unreachable=True) from None
            raise NoAnswer(
                f"the request to {self._server} failed: {_kind_of(error)}",
                unreachable=isinstance(error, ConnectError | DNSLookupError),
                unsendable=isinstance(error, ValueError),
            ) from None

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        connections = _Connections(self._pool)
        try:
            return await self._read(connections, method, url, headers, body)
        except BaseException:
            connections.abort()
            raise

    async def _read(
        self, connections: "_Connections", method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes]:
        agent = Agent(self._guarded, self._tls, connectTimeout=self._timeout, pool=connections)
        # Not by treq's client, which cannot encode the literal IPv6 address of a URL.
        written = url if url.isascii() else EncodedURL.from_text(url).to_uri().to_text()
        producer = _Body(body) if body or method not in ("GET", "HEAD") else None
        fields = Headers({name: [value] for name, value in headers.items()})
        response = await agent.request(method.encode(), written.encode(), fields, producer)
        answer = bytearray()

        def add(data: bytes) -> None:
            if len(answer) + len(data) > self._answer_limit:
                raise NoAnswer(f"{self._server}'s answer is too large")
            answer.extend(data)

        # Also where the caller ignores the body: an answer that is cut short is an error.
        await treq.collect(response, add)
        if response.version[1:] < (1, 1):
            # Such a server closes the connection, which Twisted would keep, and the next request on it would fail.
            connections.abort()
            await deferLater(self._reactor, 0)  # until it is gone
        return response.code, bytes(answer)

    async def close(self) -> None:
        """Close the kept connections. Returns once they are closed."""
        await self._pool.closeCachedConnections()

    def _timed_out(self, _result: object, seconds: float) -> Failure:
        return Failure(NoAnswer(f"{self._server} did not answer within {seconds:g} s"))


@implementer(IBodyProducer)
class _Body:
    """A body that is in memory."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: Any) -> "Deferred[None]":
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        pass

    def resumeProducing(self) -> None:
        pass

    def stopProducing(self) -> None:
        pass


class _Connections:
    """The connections of one exchange, as its Agent's pool, so that they can be aborted.

    A response's transport can only be closed in order, and TLS waits for ever for the close alert of a silent peer.
    """

    def __init__(self, pool: HTTPConnectionPool) -> None:
        self._pool = pool
        self._made: list[Any] = []
        self.persistent = pool.persistent

    def getConnection(self, key: Any, endpoint: Any) -> Any:
        return self._pool.getConnection(key, endpoint).addCallback(self._keep)

    def _keep(self, connection: Any) -> Any:
        self._made.append(connection)
        return connection

    def abort(self) -> None:
        """Close them at once."""
        for connection in self._made:
            if connection.transport is not None:
                connection.transport.abortConnection()


def _kind_of(error: BaseException) -> str:
    """The class name of an error's first cause."""
    reasons = getattr(error, "reasons", None)
    return _kind_of(reasons[0].value) if reasons else type(error).__name__
