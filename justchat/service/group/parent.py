"""The parent of several workers, twistd's process: it owns ports and embedded database, and serves no client."""

import os
import signal
from collections.abc import Mapping
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet import reactor as default_reactor
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from justchat.config.secrets import Secret
from justchat.config.settings import Settings
from justchat.metrics.snapshots import Snapshot
from justchat.runtime.certificates import read_certificates
from justchat.runtime.connection_passing import inbox_pair
from justchat.runtime.data_dir import SECRET_KEY, UPLOADS_ID, generated_secret, prepare_data_dir
from justchat.runtime.mongod import Mongod
from justchat.runtime.process_metrics import ProcessMetrics
from justchat.runtime.shared_ports import SharingReactor
from justchat.runtime.systemd import Notifier
from justchat.service.database import EmbeddedMongod
from justchat.service.group.bus_folder import BusFolder
from justchat.service.group.context import REPORTS, Start, WorkerContext
from justchat.service.group.processes import GroupProcess
from justchat.service.group.supervisor import Supervisor
from justchat.service.lifecycle import PartService
from justchat.service.metrics import TWISTDS, MetricsPorts, OwnMetrics
from justchat.service.ports import Ports
from justchat.service.preflight import all_endpoints, check_start, endpoints_of_settings, owner_of
from justchat.service.reload import Apply, Load, Reload
from justchat.service.root import RootService
from justchat.service.up_line import UpLine
from justchat.wiring.words import load_word_list
from justchat.workers.process import spawn_module

FIRST_DESCRIPTOR = 4
"""Of those that a worker inherits besides stdin, stdout, stderr and its reports."""
_PARENTS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
"""Variables that systemd sets for the parent alone."""


def make_parent(settings: Settings, twistd: Mapping[str, Any] | None = None, load: Load | None = None) -> RootService:
    """The parent of ``[http] workers``, its TCP ports bound. Raises StartupError for each fault that shows so early.

    ``load`` reads the settings anew, at SIGHUP.
    """
    for warning in check_start(settings, twistd or {}):
        Logger().warn("{warning}", warning=warning)
    owner = owner_of(twistd or {})
    prepare_data_dir(settings.data_dir, owner)
    generated_secret(settings.data_dir / UPLOADS_ID, owner)
    if settings.payments.secret_key is None:
        generated_secret(settings.data_dir / SECRET_KEY, owner)
    Factory.noisy = False
    parent = Parent(settings, twistd or {}, load=load)
    parent.ports.bind()
    parent.metrics.bind()
    return parent


class Parent(RootService):
    """Its children start in this order: the systemd watchdog, metrics, the embedded mongod, the folder of the bus, the
    workers, the ports, the announcement.

    The ports are bound from the beginning to the end, so that clients wait for a worker that is started again.
    """

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        twistd: Mapping[str, Any],
        reactor: Any = default_reactor,
        load: Load | None = None,
    ) -> None:
        super().__init__(twistd, reactor)
        self._reload = Reload(settings, load or (lambda: settings), self._prepare, reactor)
        self._settings = settings
        self._workers = settings.http.workers
        self._mongod = (
            Mongod(settings.data_dir / "mongo", reactor, binary=settings.mongo.binary)
            if settings.mongo.uri is None
            else None
        )
        self._bus = None if settings.bus.uri else BusFolder(settings.data_dir, self._workers)
        self._inboxes = [inbox_pair() for _ in range(self._workers)]
        supervisor = self._supervisor = Supervisor(
            self._workers, self._context, self._spawn, reactor, self._count, self._still_starting
        )
        self._notifier = Notifier(reactor, is_healthy=supervisor.is_healthy)
        endpoints = endpoints_of_settings(settings)
        self.ports = Ports(endpoints, dict.fromkeys(endpoints, Factory()), SharingReactor(reactor, self._workers))
        process = ProcessMetrics(reactor) if settings.metrics.endpoint else None
        self._own = OwnMetrics(settings, [process.measure] if process else ())
        self._scraping = DeferredLock()
        self.metrics = MetricsPorts(settings, self._collect, reactor)
        children: list[Service | None] = [
            PartService("watchdog", stop=self._notifier.stopped),
            self.metrics,
            PartService("process metrics", start=process.start, stop=process.stop) if process else None,
            EmbeddedMongod(self._mongod, settings.data_dir) if self._mongod else None,
            self._bus,
            supervisor,
            self.ports,
            UpLine(settings, self.ports, self._notifier),
        ]
        for child in filter(None, children):
            child.setServiceParent(self)

    def startService(self) -> "Deferred[None]":
        self._supervisor.warm_up()
        return super().startService()

    def reload(self) -> None:
        """Read the settings anew."""
        self._reload.begin()

    def _prepare(self, settings: Settings) -> Apply:
        """What the workers will read is read here first, so that all of them apply it, or none."""
        load_word_list(settings)
        return partial(self._apply, settings, read_certificates(all_endpoints(settings)))

    def _apply(self, settings: Settings, certificates: Mapping[str, Any]) -> None:
        self._settings = settings
        self.metrics.renew(certificates)
        self._supervisor.reload(self._settings_of_worker().model_dump_json(warnings=False).encode())

    def stop_faster(self) -> None:
        """End the workers at once."""
        self._supervisor.kill()

    def _still_starting(self) -> None:
        self._notifier.starting()

    def _count(self, ready: int) -> None:
        self._notifier.status(f"{ready} of {self._workers} workers accept connections")

    async def _collect(self) -> Snapshot:
        """The numbers of all workers, and of this process."""
        totals = self._supervisor.totals
        await self._scraping.acquire()
        try:
            await self._supervisor.ask_metrics()
        finally:
            self._scraping.release()
        totals.update(TWISTDS, self._own.snapshot())
        return totals.merged()

    def _context(self, start: Start) -> bytes:
        """What a worker is told."""
        children = {ours: theirs for theirs, ours in self._descriptors().items()}
        return WorkerContext(
            start=start,
            workers=self._workers,
            embedded=self._mongod is not None,
            peers=self._bus is not None,
            ports={each.table: [children[bound.fileno()] for bound in each.port.sockets] for each in self.ports.open},
            inboxes=[(children[reading.fileno()], children[writing.fileno()]) for reading, writing in self._inboxes],
            settings=self._settings_of_worker(),
        ).encode()

    def _descriptors(self) -> dict[int, int]:
        """Our descriptors that every worker inherits, by theirs: which worker it will be is not known yet."""
        shared = [bound for each in self.ports.open for bound in each.port.sockets]
        shared += [end for pair in self._inboxes for end in pair]
        return {FIRST_DESCRIPTOR + number: each.fileno() for number, each in enumerate(shared)}

    def _settings_of_worker(self) -> Settings:
        """The settings with the parent's database and the workers' own bus, where they have them."""
        # Chosen by the database that the daemon has, not by how its workers reach it.
        uploads = self._settings.uploads.model_copy(update={"store": self._settings.picture_store})
        changed: dict[str, Any] = {"uploads": uploads}
        if self._mongod is not None:
            changed["mongo"] = self._settings.mongo.model_copy(update={"uri": Secret(self._mongod.uri)})
        if self._bus is not None:
            changed["bus"] = self._settings.bus.model_copy(update={"uri": tuple(map(Secret, self._bus.uris))})
        return self._settings.model_copy(update=changed)

    def _spawn(self, process: GroupProcess) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in _PARENTS}
        # The last argument is for those who look at a list of processes.
        arguments = (str(os.getpid()), self._twistd.get("reactor") or "", str(self._settings.data_dir))
        pipes: dict[int, int | str] = {0: "w", 1: "r", 2: "r", REPORTS: "r"}
        spawn_module(
            self._reactor,
            process,
            "justchat.service.group.worker",
            *arguments,
            environment=environment,
            descriptors={**pipes, **self._descriptors()},
            # Until its reactor runs. SIGTERM of a whole group would else end it before this process stops.
            blocked={signal.SIGTERM},
        )
