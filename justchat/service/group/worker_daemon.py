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
from justchat.service.group.context import BEAT, BEAT_EVERY, READY, REPORTS, WorkerContext
from justchat.service.ports import AdoptedPorts, Ports
from justchat.service.role import Role
from justchat.wiring.transports import Peers


def run_worker(context: WorkerContext) -> None:
    """Run a worker until it is stopped by SIGTERM."""
    reactor: Any = default_reactor
    reactor.seconds = monotonic  # as tap.makeService does
    Factory.noisy = False
    beats = LoopingCall(_report, BEAT)
    beats.clock = reactor
    daemon = Daemon(context.settings, {}, reactor, WorkerRole(context))
    daemon.ports.bind()
    reactor.callWhenRunning(beats.start, BEAT_EVERY)
    reactor.callWhenRunning(daemon.startService)
    reactor.addSystemEventTrigger("before", "shutdown", daemon.stopService)
    reactor.run()


def _report(line: bytes) -> None:
    os.write(REPORTS, line + b"\n")


class WorkerRole(Role):
    """The role of a daemon that is one of several workers."""

    environ: Mapping[str, str] = {}

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self.is_alone = context.is_alone
        self.prepares = context.is_first
        self.reconciles = context.reconciles

    def peers(self, reactor: TurnReactor) -> Peers:
        """See Role."""
        outboxes = {number: socket.socket(fileno=outbox) for number, outbox in self._context.outboxes.items()}
        return Peers(SessionIds(self._context.number, self._context.workers), Passing(outboxes, reactor).pass_on)

    def ports(
        self, endpoints: Mapping[str, str], factories: Mapping[str, IProtocolFactory], reactor: TurnReactor
    ) -> Ports:
        """See Role."""
        take = partial(take_connection, factories=factories, reactor=reactor)
        inbox = Inbox(socket.socket(fileno=self._context.inbox), take, reactor)
        return WorkerPorts(endpoints, factories, reactor, self._context.sockets(), inbox)

    def announcement(self, settings: Settings, ports: Ports, notifier: Notifier) -> Service:
        """See Role."""
        return ReadyReport()


class WorkerPorts(AdoptedPorts):
    """The parent's sockets, and the connections that other workers pass on."""

    def __init__(
        self,
        endpoints: Mapping[str, str],
        factories: Mapping[str, IProtocolFactory],
        reactor: TurnReactor,
        sockets: Mapping[str, socket.socket],
        inbox: Inbox,
    ) -> None:
        super().__init__(endpoints, factories, reactor, sockets)
        self._inbox = inbox

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
