"""A worker: a daemon whose database and listening sockets are its parent's."""

import os
import socket
from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import Any

from twisted.application.service import Service
from twisted.internet import reactor as default_reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall

from justchat.config.settings import Settings
from justchat.http.passing import Passing, take_connection
from justchat.realtime.socketio.sids import SessionIds
from justchat.runtime.connection_passing import Inbox
from justchat.runtime.systemd import Notifier
from justchat.runtime.tcp import TurnReactor
from justchat.service.daemon import Daemon
from justchat.service.group.context import BEAT, BEAT_EVERY, READY, REPORTS, Start, WorkerContext
from justchat.service.ports import AdoptedPorts, Ports
from justchat.service.role import Role
from justchat.wiring.transports import Peers


class WorkerDaemon:
    """The daemon of a worker, built. It knows only later which worker it is."""

    def __init__(self, context: WorkerContext, reactor: Any = default_reactor) -> None:
        reactor.seconds = monotonic  # as tap.makeService does
        Factory.noisy = False
        self._reactor = reactor
        self._role = WorkerRole(context)
        self._daemon = Daemon(context.settings, {}, reactor, self._role)

    def run(self, number: int) -> None:
        """Be the worker with this number until SIGTERM."""
        self._role.assign(number)
        self._daemon.ports.bind()
        beats = LoopingCall(_report, BEAT)
        beats.clock = self._reactor
        self._reactor.callWhenRunning(beats.start, BEAT_EVERY)
        self._reactor.callWhenRunning(self._daemon.startService)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._daemon.stopService)
        self._reactor.run()


def _report(line: bytes) -> None:
    os.write(REPORTS, line + b"\n")


class WorkerRole(Role):
    """The role of a daemon that is one of several workers."""

    environ: Mapping[str, str] = {}

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._ids = SessionIds(workers=context.workers)
        self._ports: WorkerPorts | None = None
        self.prepares = context.start is Start.FIRST
        self.is_alone = self.prepares and context.embedded
        self.reconciles = context.start is not Start.JOIN

    def name(self) -> str:
        """See Role. Another parent on the same data directory has workers of its own."""
        return f"{os.getppid()}.{self._ids.worker}"

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
        return ReadyReport()

    def assign(self, number: int) -> None:
        """Be the worker with this number. Is called after all others, and before the ports are bound."""
        assert self._ports is not None
        self._ids.worker = number
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


class ReadyReport(Service):
    """Reports to the parent that this worker accepts connections."""

    name = "ready report"

    def startService(self) -> None:
        super().startService()
        _report(READY)
