"""A worker: a daemon whose database and listening sockets are its parent's."""

import os
import signal
import socket
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic
from typing import Any

from twisted.application.service import Service
from twisted.internet import reactor as default_reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall
from twisted.protocols.basic import LineOnlyReceiver

from justchat.bus.bus import Bus
from justchat.bus.peers import PeerBus
from justchat.config.settings import Settings
from justchat.http.passing import Passing, take_connection
from justchat.metrics.snapshots import encode_snapshot
from justchat.realtime.socketio.sids import SessionIds
from justchat.runtime.connection_passing import Inbox
from justchat.runtime.systemd import Notifier
from justchat.runtime.tcp import TurnReactor
from justchat.service.daemon import Daemon
from justchat.service.group.context import BEAT, BEAT_EVERY, METRICS, READY, REPORTS, SETTINGS, Start, WorkerContext
from justchat.service.lifecycle import PartService
from justchat.service.metrics import MetricsPorts, OwnMetrics
from justchat.service.ports import AdoptedPorts, Ports
from justchat.service.role import Role
from justchat.wiring.bus import make_peer_bus
from justchat.wiring.transports import Peers


class WorkerDaemon:
    """The daemon of a worker, built. It knows only later which worker it is."""

    def __init__(self, context: WorkerContext, reactor: Any = default_reactor) -> None:
        reactor.seconds = monotonic  # as tap.makeService does
        Factory.noisy = False
        self._reactor = reactor
        self._role = WorkerRole(context)
        self._settings = context.settings
        self._daemon = Daemon(context.settings, {}, reactor, self._role, load=lambda: self._settings)

    def run(self, number: int) -> None:
        """Be the worker with this number until SIGTERM, which may have come before: the parent spawned it blocked."""
        self._role.assign(number)
        self._daemon.bind()
        channel = ParentChannel(self._role.encoded_metrics, self._reload)
        self._role.report = channel.report
        beats = LoopingCall(channel.report, BEAT)
        beats.clock = self._reactor
        self._reactor.callWhenRunning(signal.pthread_sigmask, signal.SIG_UNBLOCK, {signal.SIGTERM})
        self._reactor.callWhenRunning(channel.open, self._reactor)
        self._reactor.callWhenRunning(beats.start, BEAT_EVERY)
        self._reactor.callWhenRunning(self._daemon.startService)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._daemon.stopService)
        self._reactor.run()

    def _reload(self, encoded: bytes) -> None:
        self._settings = Settings.model_validate_json(encoded)
        self._daemon.reload()


class ParentChannel(LineOnlyReceiver):
    """What passes between a worker and its parent: reports, and on stdin the parent's questions and its settings."""

    delimiter = b"\n"
    MAX_LENGTH = 4 * 1024 * 1024

    def __init__(self, metrics: Callable[[], bytes], reload: Callable[[bytes], None]) -> None:
        self._metrics = metrics
        self._reload = reload

    def open(self, reactor: Any) -> None:
        """Begin. Nothing that is written blocks the reactor if the parent is slow to read."""
        make: Any = StandardIO  # typed for Windows
        make(self, stdout=REPORTS, reactor=reactor)

    def report(self, line: bytes) -> None:
        """Tell the parent."""
        if self.transport is not None:
            self.transport.write(line + b"\n")

    def lineReceived(self, line: bytes) -> None:
        """See LineOnlyReceiver: a question, or settings that were read anew."""
        if line == METRICS:
            self.report(METRICS + b" " + self._metrics())
        elif line.startswith(SETTINGS):
            self._reload(line.removeprefix(SETTINGS))


class WorkerRole(Role):
    """The role of a daemon that is one of several workers."""

    environ: Mapping[str, str] = {}
    is_quiet = True

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._ids = SessionIds(workers=context.workers)
        self._ports: WorkerPorts | None = None
        self._own: OwnMetrics | None = None
        self._bus: PeerBus | None = None
        self.report: Callable[[bytes], None] = lambda _: None
        self.prepares = context.start is Start.FIRST
        self.is_alone = self.prepares and context.embedded
        self.reconciles = context.start is not Start.JOIN

    def name(self) -> str:
        """See Role. Another parent on the same data directory has workers of its own."""
        return f"{os.getppid()}.{self._ids.worker}"

    def bus(self, settings: Settings, reactor: Any) -> Bus | None:
        """See Role."""
        if not self._context.peers:
            return super().bus(settings, reactor)
        self._bus = make_peer_bus(settings, reactor)
        return self._bus

    def peers(self, reactor: TurnReactor) -> Peers:
        """See Role."""
        return Peers(self._ids, Passing(self._context.outboxes(), reactor).pass_on)

    def ports(
        self, endpoints: Mapping[str, str], factories: Mapping[str, IProtocolFactory], reactor: TurnReactor
    ) -> Ports:
        """See Role."""
        self._ports = WorkerPorts(endpoints, factories, reactor)
        return self._ports

    def announcement(self, settings: Settings, ports: Ports, notifier: Notifier) -> Service:
        """See Role."""
        return PartService("ready report", start=lambda: self.report(READY))

    def metrics(self, settings: Settings, own: OwnMetrics, reactor: Any) -> MetricsPorts | None:
        """See Role. The parent is scraped, and asks for ours."""
        self._own = own
        return None

    def encoded_metrics(self) -> bytes:
        """The numbers of this worker, as its parent reads them."""
        assert self._own is not None
        return encode_snapshot(self._own.snapshot())

    def assign(self, number: int) -> None:
        """Be the worker with this number. Is called after all others, and before the ports are bound."""
        assert self._ports is not None
        self._ids.worker = number
        if self._bus is not None:
            self._bus.join_as(number)
        self._ports.assign(self._context.sockets(number), self._context.inbox(number))


class WorkerPorts(AdoptedPorts):
    """The parent's sockets, and the connections that other workers pass on."""

    _inbox: Inbox

    def __init__(
        self, endpoints: Mapping[str, str], factories: Mapping[str, IProtocolFactory], reactor: TurnReactor
    ) -> None:
        super().__init__(endpoints, factories, reactor, {})
        self._take = partial(take_connection, factories=factories, reactor=reactor)

    def assign(self, sockets: Mapping[str, socket.socket], inbox: socket.socket) -> None:
        """These are ours. Is called before ``bind``."""
        self._sockets = sockets
        self._inbox = Inbox(inbox, self._take, self._reactor)

    def startService(self) -> None:
        """Accept connections of both kinds."""
        super().startService()
        self._inbox.start()

    def stopService(self) -> "Deferred[None]":
        """Accept no more connections."""
        self._inbox.stop()
        return super().stopService()
