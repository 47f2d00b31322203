"""``GET /metrics``, on an endpoint of its own, where nothing else answers."""

import platform
from collections.abc import Awaitable, Callable, Iterable
from importlib.metadata import version
from shutil import disk_usage
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.web.http import SERVICE_UNAVAILABLE
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from justchat import __version__
from justchat.config.settings import Http, Settings
from justchat.http.paced_channel import PacedChannel
from justchat.metrics import declarations as metrics
from justchat.metrics.exposition import exposition
from justchat.metrics.snapshots import Snapshot, Totals, take_snapshot
from justchat.runtime.endpoints import address_of, is_beyond_loopback
from justchat.service.ports import Ports
from justchat.service.preflight import endpoints_of_metrics

Collect = Callable[[], Awaitable[Snapshot]]
"""The merged numbers of all processes."""
IDLE_TIMEOUT = 60
"""Seconds without a request after which a connection is closed."""
SCRAPES = 4
"""Scrapes that are answered at once. The next is answered 503."""
TWISTDS = "0"
"""The ``worker`` of twistd's own process."""


class MetricsPorts(Ports):
    """Listens for scrapes, if the settings have an endpoint for them."""

    name = "metrics"
    _log = Logger()

    def __init__(self, settings: Settings, collect: Collect, reactor: Any) -> None:
        factories: dict[str, IProtocolFactory] = {"metrics": MetricsSite(collect, reactor)}
        super().__init__(endpoints_of_metrics(settings), factories, reactor)

    def startService(self) -> None:
        """Accept connections, and say so."""
        super().startService()
        for each in self.open:
            self._log.info("metrics listens on {address}", address=address_of(each.port))
            if is_beyond_loopback(each.port):
                self._log.warn(
                    "[metrics] endpoint: whoever reaches it reads the numbers of this daemon; give it an address that"
                    " only Prometheus reaches"
                )


class _Scrape(Request):
    """A request whose body, which none has a use for, is dropped as it comes."""

    def handleContentChunk(self, data: bytes) -> None:
        """See Request."""

    def render(self, resrc: IResource) -> None:
        """See Request."""
        self.setHeader(b"Server", b"JustChat")
        super().render(resrc)


class MetricsSite(Site):
    """The site of the one path. A client that does not read its scrapes is sent no more of them."""

    noisy = False
    protocol = PacedChannel  # type: ignore[assignment]
    requestFactory = _Scrape

    def __init__(self, collect: Collect, reactor: Any) -> None:
        root = Resource()
        root.putChild(b"metrics", _Metrics(collect, reactor))
        super().__init__(root, reactor=reactor, timeout=IDLE_TIMEOUT)
        self.settings = Http(idle_timeout=IDLE_TIMEOUT)
        self.displayTracebacks = False

    def log(self, request: Any) -> None:
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
            if gone:
                return
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


class OwnMetrics:
    """The numbers of this process. ``measures`` set the gauges of its parts."""

    def __init__(self, settings: Settings, measures: Iterable[Callable[[], None]]) -> None:
        self._settings = settings
        self._measures = tuple(measures)
        self._totals = Totals()

    def snapshot(self) -> Snapshot:
        """The numbers of this process alone."""
        for measure in (self._measure_machine, *self._measures):
            measure()
        return take_snapshot()

    async def collect(self) -> Snapshot:
        """The numbers of a daemon that has no other process."""
        metrics.WORKER_UP.set(1, TWISTDS)
        self._totals.update(TWISTDS, self.snapshot())
        return self._totals.merged()

    def _measure_machine(self) -> None:
        metrics.BUILD.set(1, __version__, platform.python_version(), version("twisted"))
        metrics.WORKERS.set(self._settings.http.workers)
        usage = disk_usage(self._settings.data_dir)
        metrics.DISK_FREE.set(usage.free)
        metrics.DISK_SIZE.set(usage.total)
