"""The composition root: builds the parts, hands each what it needs, starts and stops them in order.

Ports are bound first, while the process may still be root, but nothing is accepted until the database answers;
then clients who came early are served as if they had come now. What goes wrong is one line and exit code 1.
"""

import atexit
import gc
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet import reactor as default_reactor
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.config.gift_file import read_gifts
from justchat.config.settings import Settings
from justchat.errors import ApiError, DatabaseAway, StartupError
from justchat.http.app import make_app, upload_head_checks
from justchat.http.dispatcher import Dispatcher
from justchat.http.fast_lane.channel import FastLane
from justchat.http.fields import FieldContext
from justchat.http.idempotency import Idempotency
from justchat.http.openapi import openapi
from justchat.http.site import JustChatSite
from justchat.http.spool import Spool
from justchat.http.uploaded_files import UploadedFiles
from justchat.http.websocket_resource import SocketPortRoot, WebSocketResource
from justchat.hub.absentee_notices import AbsenteeNotices
from justchat.hub.broadcast import Broadcast
from justchat.hub.publisher import Publisher
from justchat.hub.registry import Registry
from justchat.hub.replay import Replay
from justchat.limits.client_address import ClientAddresses
from justchat.limits.connection_limiter import ConnectionLimiter
from justchat.limits.http_connection_limiter import HttpConnectionLimiter
from justchat.model.moment import now
from justchat.outbound.captcha import Captcha, NoCaptcha
from justchat.realtime.session_binding import BindingServices
from justchat.realtime.socketio.resource import SocketIoResource
from justchat.realtime.socketio.session import EngineSessions
from justchat.realtime.websocket import RawWebSocketFactory
from justchat.runtime.data_dir import DAEMON_LOCK, SECRET_KEY, generated_secret, prepare_data_dir, try_lock
from justchat.runtime.endpoints import bind, check_unix, is_unix, server_of
from justchat.runtime.mongod import Mongod
from justchat.runtime.stall_detector import StallDetector
from justchat.runtime.systemd import Notifier
from justchat.runtime.tcp import TurnReactor
from justchat.serving import make_endpoints, make_rate_limiter, make_sender
from justchat.starter import CATALOGUE
from justchat.startup import cautions, check_start, endpoints_of_settings, owner_of, take_signals, welcome
from justchat.store.folding import Folding
from justchat.store.idempotency_keys import IdempotencyKeys
from justchat.store.indexes import create_indexes, restore_order_clock
from justchat.store.mongo.client import Database
from justchat.store.sessions import Sessions
from justchat.store.slow_reads import SlowReads
from justchat.wiring import make_actions, make_stores
from justchat.workers.images import Images
from justchat.workers.passwords import Passwords

ENDED_SESSIONS_EVERY = 3.0
"""Seconds between looks for sessions that somebody else ended: an operator, or another daemon."""
UPLOADS_ID = "uploads-id"
"""A file in the data directory: what its folder of pictures goes by in the database."""
DRAIN = 5.0
"""Seconds that requests under way are given when the daemon stops."""
GARBAGE_EVERY = 300.0
HOUSEKEEPING = 10.0
"""Seconds between rounds of finishing what a crash left, and closing sockets of sessions that ran out."""


def make_daemon(settings: Settings, twistd: Mapping[str, Any] | None = None) -> "Daemon":
    """The daemon of these settings, its ports bound. Raises StartupError for what can be seen to be wrong so early."""
    check_start(settings, twistd or {})
    prepare_data_dir(settings.data_dir, owner_of(twistd or {}))
    # It would say that each factory starts and stops, with an address in memory.
    Factory.noisy = False
    daemon = Daemon(settings, twistd or {})
    daemon.bind()
    return daemon


class Daemon(Service):
    """JustChat, as twistd runs it."""

    name = "justchat"
    _log = Logger()

    def __init__(self, settings: Settings, twistd: Mapping[str, Any], reactor: Any = default_reactor) -> None:
        self._settings = settings
        self._twistd = twistd
        self._reactor = reactor
        self._turn_reactor = TurnReactor(reactor)
        self._notifier = Notifier(reactor)
        self._mongod = Mongod(settings.data_dir / "mongo", reactor) if settings.mongo.uri is None else None
        self._ports: list[tuple[str, str, Any]] = []
        self._started: Deferred[None] | None = None
        self._build()

    def _build(self) -> None:
        """The parts, wired together. None of them is at work yet."""
        settings, reactor = self._settings, self._reactor
        uri = self._mongod.uri if self._mongod else settings.mongo.uri
        assert uri is not None
        slow_reads = SlowReads(reactor, settings.limits.searches, settings.limits.searches_per_user)
        self._database = Database(uri, slow_reads)
        self._folding = Folding(self._database, reactor)
        self._passwords = Passwords(reactor)
        self._stores = make_stores(
            settings,
            self._database,
            reactor,
            shared=self._mongod is None,
            folder=generated_secret(settings.data_dir / UPLOADS_ID, owner_of(self._twistd)),
        )
        registry = Registry(now)
        broadcast = Broadcast(registry, reactor)
        publisher = Publisher(broadcast, self._stores.rooms.known)
        self._notices = AbsenteeNotices(self._stores.mailboxes, reactor)
        self._stores.rooms.subscribe(publisher.on_entry)
        self._stores.rooms.subscribe(self._notices.on_entry)
        self._stores.mailboxes.subscribe(publisher.on_mailbox_entry)
        self._images = Images(settings.data_dir / "uploads", settings.data_dir / "spool", reactor)
        self._actions = make_actions(
            settings,
            self._stores,
            registry=registry,
            passwords=self._passwords,
            images=self._images,
            sms=make_sender(settings, reactor),
            captcha=Captcha(settings.captcha, reactor) if settings.captcha.is_configured else NoCaptcha(),
            secret_key=settings.payments.secret_key
            or generated_secret(settings.data_dir / SECRET_KEY, owner_of(self._twistd)),
        )
        spool = Spool(
            settings.data_dir / "spool",
            free=settings.uploads.free_space,
            files=settings.limits.uploads_per_address,
            bytes=settings.limits.uploads_per_address * settings.limits.image // 2,
            all_files=settings.limits.uploads_in_all,
            all_bytes=settings.limits.uploads_in_all * settings.limits.image // 2,
        )
        sessions = self._stores.sessions
        endpoints = make_endpoints(settings, self._actions)
        self._idempotency_keys = IdempotencyKeys(self._database, now)
        self._dispatcher = Dispatcher(
            sessions,
            FieldContext(settings.limits, settings.sms.region, frozenset(settings.sms.number_types)),
            debug=settings.http.debug,
            strict=os.environ.get("JUSTCHAT_STRICT") == "1",
            idempotency=Idempotency(self._idempotency_keys),
            rates=make_rate_limiter(settings.limits),
            spool=spool,
        )
        replay = Replay(
            users=self._stores.users,
            rooms=self._stores.rooms,
            mailboxes=self._stores.mailboxes,
            clock=now,
            events=settings.websocket.replay_events,
            age=timedelta(days=settings.websocket.replay_days),
        )
        addresses = ClientAddresses(settings.http.proxies, settings.http.proxy_header, settings.limits.exempt)
        connection_limiter = ConnectionLimiter(settings.limits, addresses, reactor)
        rates = self._dispatcher.rates
        count_init = partial(rates.hit_session, "read") if rates is not None else lambda _: None
        services = BindingServices(
            sessions=sessions,
            registry=registry,
            replay=replay,
            connection_limiter=connection_limiter,
            count_init=count_init,
        )
        self._sockets = RawWebSocketFactory(
            settings=settings.websocket,
            services=services,
            reactor=reactor,
        )
        self._engines = EngineSessions(settings=settings.websocket, services=services, reactor=reactor)
        socketio = SocketIoResource(self._engines, settings.http.allows_origin)
        websocket = WebSocketResource(self._sockets)
        app = make_app(
            endpoints,
            self._dispatcher,
            ping_database=self._database.ping,
            description=openapi(endpoints, settings.limits, version("justchat")),
            websocket=websocket,
            socketio=socketio,
            uploads=UploadedFiles(settings.data_dir / "uploads"),
        )
        connections = HttpConnectionLimiter(settings.limits, addresses)
        counted: Any = {"addresses": addresses, "connections": connections, "rates": self._dispatcher.rates}
        site = JustChatSite(
            app.resource(),
            settings.http,
            settings.limits,
            **counted,
            routes=app.url_map.bind(""),
            calls=[endpoint.path for endpoint in endpoints],
            head_checks=upload_head_checks(endpoints, self._dispatcher, spool),
        )
        fast_lane = FastLane(endpoints, self._dispatcher, site, reactor)
        self._http_factory = fast_lane if settings.http.fast_lane else site
        self._socket_site = JustChatSite(SocketPortRoot(websocket, socketio), settings.http, settings.limits, **counted)
        self._housekeeping = LoopingCall(self._recover_unfinished, registry)
        self._housekeeping.clock = reactor
        self._expire_timer = LoopingCall(self._expire_remote_sessions, sessions, registry)
        self._expire_timer.clock = reactor
        self._gc_timer = LoopingCall(gc.collect)
        self._gc_timer.clock = reactor

    async def _expire_remote_sessions(self, sessions: Sessions, registry: Registry) -> None:
        """Let sessions that were ended elsewhere be over here."""
        try:
            for session in await sessions.ended_elsewhere():
                registry.session_ended(session)
        except ApiError:  # the database is away, which others say: the next look finds the same
            pass
        except Exception:
            self._log.failure("ended sessions could not be looked for")

    async def _recover_unfinished(self, registry: Registry) -> None:
        registry.close_expired()
        try:
            await self._finish(all=False)
            await self._stores.rooms.finish_removals()
            await self._actions.uploads.remove_orphans()
        except ApiError as error:  # the database is away, or too much is waiting: next time, then
            self._log.warn("housekeeping is put off: {error}", error=error)
        except Exception:
            self._log.failure("housekeeping went wrong")

    async def _finish(self, *, all: bool) -> None:
        """Complete what a crash left half done. ``all``: no other daemon can be at work on it."""
        await self._actions.rooms.finish_moves(all=all)
        await self._actions.money.finish_transfers(all=all)

    # Starting

    def bind(self) -> None:
        """Bind the ports, before twistd forks. Nobody is accepted yet. Raises StartupError, see ``listening``."""
        for table, endpoint in endpoints_of_settings(self._settings):
            if is_unix(endpoint):
                check_unix(table, endpoint)
            else:
                self._listen(table, endpoint)

    def privilegedStartService(self) -> None:
        """Bind what could not be bound before the fork."""
        super().privilegedStartService()
        try:
            for table, endpoint in endpoints_of_settings(self._settings):
                if is_unix(endpoint):
                    self._listen(table, endpoint)
        except StartupError as error:
            if not self._twistd.get("nodaemon"):
                raise  # twistd's parent process says it, and exits with 1
            self._remove_pid_file()
            raise SystemExit(f"justchat: {error}") from error

    def _listen(self, table: str, endpoint: str) -> None:
        factory = self._http_factory if table == "http" else self._socket_site
        port = bind(table, endpoint, server_of(table, endpoint, self._turn_reactor), factory)
        port.stopReading()
        self._ports.append((table, endpoint, port))

    def startService(self) -> None:
        super().startService()
        take_signals(self._reactor, self._hung_up)
        self._started = Deferred.fromCoroutine(self._start())
        self._started.addErrback(self._cannot_start)

    async def _start(self) -> None:
        if self._mongod is not None:
            self._lock_data_dir()
            await self._mongod.start()
        self._database.open()
        await self._wait_for_database()
        await create_indexes(self._database)
        await restore_order_clock(self._database)
        await self._folding.start()
        self._passwords.start()
        self._stores.rooms.start()
        self._images.start()
        await self._actions.gift_catalogue.add_starters(read_gifts(CATALOGUE))
        if self._mongod is not None:
            await self._idempotency_keys.release_all()
        # With a database of our own, whatever is unfinished was left by a crash.
        await self._finish(all=self._mongod is not None)
        self._housekeeping.start(HOUSEKEEPING, now=False)
        self._expire_timer.start(ENDED_SESSIONS_EVERY, now=False)
        self._gc_timer.start(GARBAGE_EVERY, now=False)
        if not self.running:  # stopped meanwhile
            return
        for _, _, port in self._ports:
            port.startReading()
        for caution in cautions(self._settings, self._ports):
            self._log.warn("{caution}", caution=caution)
        for line in welcome(self._settings, self._ports):
            self._log.info("{line}", line=line)
        tune_garbage_collector()
        if os.environ.get("JUSTCHAT_STALLS") == "1":
            StallDetector(self._reactor, self._stalled)
        self._notifier.ready()
        await self._reconcile()

    def _stalled(self, ms: float, at: str) -> None:
        self._log.warn("the reactor stood for {ms:.0f} ms at {at}", ms=ms, at=at)

    async def _reconcile(self) -> None:
        """Put right, behind the first requests, what follows from the log and a crash may have kept from being done."""
        try:
            await self._notices.catch_up(self._stores.rooms, await self._stores.rooms.reconcile())
            await self._stores.mailboxes.reconcile()
        except ApiError as error:
            self._log.warn("what a crash left behind is looked for at the next start: {error}", error=error)

    async def _wait_for_database(self) -> None:
        for attempt in range(3):
            try:
                return await self._database.ping()
            except DatabaseAway as error:
                if attempt == 2:
                    raise StartupError("the database does not answer") from error

    def _lock_data_dir(self) -> None:
        """One daemon to an embedded database. The lock goes with the process, however that ends."""
        if try_lock(self._settings.data_dir / DAEMON_LOCK) is None:
            raise StartupError(f"--data-dir: another JustChat runs on {self._settings.data_dir}")

    def _cannot_start(self, failure: Failure) -> None:
        """One line and exit code 1: a daemon that is up and deaf is worse than none."""
        if failure.check(StartupError):
            self._log.critical("justchat: {reason}", reason=failure.getErrorMessage())
        else:
            self._log.failure("justchat: cannot start", failure)
        sys.stderr.write(f"justchat: {failure.getErrorMessage()}\n")
        atexit.register(_exit_failed)
        # Asked to stop inside a Deferred of its own start, the reactor would wait for that start.
        self._reactor.callLater(0, self._stop_reactor)

    def _hung_up(self, *_: object) -> None:
        if sys.stdout is not None and sys.stdout.isatty():
            # The terminal is gone: nobody else would end it.
            self._reactor.callFromThread(self._stop_reactor)
        else:
            self._reactor.callFromThread(self._log.info, "SIGHUP: settings are read at the start alone; restart me")

    def _stop_reactor(self) -> None:
        with suppress(ReactorNotRunning):  # it is being stopped
            self._reactor.stop()

    def _remove_pid_file(self) -> None:
        pid_file = self._twistd.get("pidfile")
        if pid_file:
            Path(pid_file).unlink(missing_ok=True)

    # Stopping

    def stopService(self) -> "Deferred[None]":
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._notifier.stopping()
        for _, _, port in self._ports:
            await maybeDeferred(port.stopListening)
        if self._started is not None:
            await self._started
        for call in (self._housekeeping, self._expire_timer, self._gc_timer):
            if call.running:
                call.stop()
        self._folding.stop()
        await self._dispatcher.drained(DRAIN, self._reactor)
        await gatherResults([Deferred.fromCoroutine(kind.close_all()) for kind in (self._sockets, self._engines)])
        await self._stores.rooms.stop()
        await self._stores.mailboxes.stop()
        await self._passwords.stop()
        await self._images.stop()
        await self._database.close()
        if self._mongod is not None:
            await self._mongod.stop()
        self._notifier.stopped()


def tune_garbage_collector() -> None:
    """Keep the search for garbage short, and what is old out of it.

    What the start has made stays for the daemon's life, and connections for hours: looking through them while
    thousands come would hold the reactor for 150 ms again and again. What requests make is nearly all gone without a
    search, and so are raw sockets; for the rest there is one every GARBAGE_EVERY seconds. What is young is looked
    through a little at a time, at 0.2 microseconds an object.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 2, 1_000_000)


def _exit_failed() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
