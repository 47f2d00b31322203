"""``GET /metrics``, on an endpoint of its own, where nothing else answers."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.web.http import SERVICE_UNAVAILABLE
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from justchat.config.settings import Settings
from justchat.metrics.exposition import exposition
from justchat.metrics.snapshots import Snapshot, Totals, take_snapshot
from justchat.service.ports import Ports

Collect = Callable[[], Awaitable[Snapshot]]
"""The merged numbers of all processes."""
IDLE_TIMEOUT = 60
"""Seconds without a request after which a connection is closed."""
SCRAPES = 4
"""Scrapes that are answered at once. The next is answered 503."""
TWISTDS = "0"
"""The ``worker`` of twistd's own process."""


def endpoints_of_metrics(settings: Settings) -> dict[str, str]:
    """The endpoint of ``[metrics]``, by that table, if there is one."""
    return {} if settings.metrics.endpoint is None else {"metrics": settings.metrics.endpoint}


class MetricsPorts(Ports):
    """Listens for scrapes, if the settings have an endpoint for them."""

    name = "metrics"

    def __init__(self, settings: Settings, collect: Collect, reactor: Any) -> None:
        factories: dict[str, IProtocolFactory] = {"metrics": MetricsSite(collect, reactor)}
        super().__init__(endpoints_of_metrics(settings), factories, reactor)


class MetricsSite(Site):
    """The site of the one path."""

    noisy = False

    def __init__(self, collect: Collect, reactor: Any) -> None:
        root = Resource()
        root.putChild(b"metrics", _Metrics(collect, reactor))
        super().__init__(root, reactor=reactor, timeout=IDLE_TIMEOUT)
        self.displayTracebacks = False

    def log(self, request: Request) -> None:
        """See HTTPFactory: a line every few seconds would tell nobody anything."""


class _Metrics(Resource):
    isLeaf = True
    _log = Logger()

    def __init__(self, collect: Collect, reactor: Any) -> None:
        super().__init__()
        self._collect = collect
        self._reactor = reactor
        self._scrapes = 0

    def render_GET(self, request: Request) -> object:
        """Answer a scrape."""
        if request.postpath:
            request.setResponseCode(404)
            return b""
        if self._scrapes >= SCRAPES:
            request.setResponseCode(SERVICE_UNAVAILABLE)
            return b"too many scrapes at once\n"
        self._scrapes += 1
        gone: list[object] = []
        request.notifyFinish().addBoth(gone.append)
        answering = Deferred.fromCoroutine(self._answer(request, gone))
        answering.addErrback(self._failed, request, gone).addBoth(self._ended)
        return NOT_DONE_YET

    async def _answer(self, request: Request, gone: list[object]) -> None:
        parts, content_type = exposition(await self._collect(), request.getHeader("accept") or "")
        written = []
        for part in parts:
            written.append(part)
            await deferLater(self._reactor, 0)  # others are served in between
        if not gone:
            text = b"".join(written)
            request.setHeader("Content-Type", content_type)
            request.setHeader("Content-Length", str(len(text)))
            request.write(b"" if request.method == b"HEAD" else text)
            request.finish()

    def _failed(self, failure: Any, request: Request, gone: list[object]) -> None:
        self._log.failure("a scrape failed", failure)
        if not gone:
            request.setResponseCode(500)
            request.finish()

    def _ended(self, _: object) -> None:
        self._scrapes -= 1


class OwnMetrics(Service):
    """The numbers of this process: ``measures`` set the gauges."""

    name = "process metrics"

    def __init__(self, measures: Iterable[Callable[[], None]]) -> None:
        self._measures = tuple(measures)
        self._totals = Totals()

    def snapshot(self) -> Snapshot:
        """The numbers of this process alone."""
        for measure in self._measures:
            measure()
        return take_snapshot()

    async def collect(self) -> Snapshot:
        """The numbers of a daemon that has no other process."""
        self._totals.update(TWISTDS, self.snapshot())
        return self._totals.merged()
