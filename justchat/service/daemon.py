"""The daemon as a tree of services."""

import gc
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet import reactor as default_reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from justchat.config.settings import Settings
from justchat.interfaces.pause import Pause
from justchat.model.moment import now
from justchat.model.word_list import WordList
from justchat.runtime.certificates import read_certificates
from justchat.runtime.data_dir import SECRET_KEY, UPLOADS_ID, generated_secret, prepare_data_dir
from justchat.runtime.gc_tuning import COLLECT_EVERY, tune_garbage_collector
from justchat.runtime.mongod import Mongod
from justchat.runtime.process_metrics import ProcessMetrics
from justchat.runtime.stall_detector import StallDetector
from justchat.runtime.systemd import Notifier
from justchat.runtime.tcp import TurnReactor
from justchat.service.account_deletions import DeletionRequests
from justchat.service.announcing import AnnouncementService
from justchat.service.bus_backstop import BusBackstop
from justchat.service.database import DatabaseService, EmbeddedMongod
from justchat.service.exporting import ExpiredExports, Exporting
from justchat.service.first_gifts import add_first_gifts
from justchat.service.held_messages import HeldMessageDecisions
from justchat.service.housekeeping import Housekeeping, OperatorRemovals, Reconciliation
from justchat.service.lifecycle import IndependentServices, PartService, PeriodicService
from justchat.service.load import LoadService
from justchat.service.metrics import OwnMetrics
from justchat.service.online import OnlineService
from justchat.service.paced import PacedService
from justchat.service.pictures import OrphanRemoval, picture_services
from justchat.service.preflight import all_endpoints, check_start, endpoints_of_settings, owner_of
from justchat.service.reload import Apply, Load, Reload
from justchat.service.role import ON_ITS_OWN, Role
from justchat.service.root import RootService
from justchat.service.session_expiry import SessionExpiry
from justchat.service.shared_counting import SharedCounting
from justchat.service.webhooks import WebhookService
from justchat.store.folding import Folding
from justchat.store.idempotency_keys import IdempotencyKeys
from justchat.store.lease import Lease, SignOfLife
from justchat.store.migrations import MIGRATIONS
from justchat.store.mongo.client import Database
from justchat.store.schema import Schema
from justchat.store.slow_reads import SlowReads
from justchat.wiring.actions import make_actions
from justchat.wiring.endpoints import make_endpoints, make_rate_limiter
from justchat.wiring.health import make_health
from justchat.wiring.hub import make_hub
from justchat.wiring.limits import make_counting
from justchat.wiring.metrics import AskedOfDatabase, MeasuredParts
from justchat.wiring.outbound import make_before_message, make_captcha, make_sms_sender, make_tokens
from justchat.wiring.pictures import make_archives, make_picture_store
from justchat.wiring.reload import LiveSettings
from justchat.wiring.stores import make_stores
from justchat.wiring.transports import make_transports
from justchat.wiring.words import load_word_list, make_word_filter
from justchat.workers.images import Images
from justchat.workers.passwords import Passwords

PACED_EVERY = 1.0
"""Seconds between looks for work in small steps."""
DRAIN = 5.0
"""Seconds that requests under way are given when the daemon stops."""


def make_daemon(settings: Settings, twistd: Mapping[str, Any] | None = None, load: Load | None = None) -> RootService:
    """The daemon of these settings, its TCP ports bound. Raises StartupError for each fault that shows so early.

    ``load`` reads the settings anew, at SIGHUP.
    """
    for warning in check_start(settings, twistd or {}):
        Logger().warn("{warning}", warning=warning)
    prepare_data_dir(settings.data_dir, owner_of(twistd or {}))
    # It would log that each factory starts and stops, with an address in memory.
    Factory.noisy = False
    daemon = Daemon(settings, twistd or {}, load=load)
    daemon.bind()
    return daemon


class Daemon(RootService):
    """JustChat, as twistd runs it. Its children start in this order, each when the one before it has started:

    1. the systemd watchdog, metrics, the embedded mongod, the connection to the database, the bus
    2. the workers for pictures and passwords, the logs of mailboxes and rooms
    3. work on what is stored: folded names, the first gifts, idempotency keys
    4. periodic work: housekeeping, webhooks, session expiry and the like, which stop at once; garbage collection
    5. sockets and calls, which need no start; ports, which accept connections from now on
    6. the announcement that the daemon is up

    They stop in the reverse order: systemd is notified, ports close, calls are given DRAIN seconds,
    sockets close, the logs write what they hold, the bus sends what it holds, and the database goes last.

    ``role`` says what differs where it is one of several workers.
    """

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        twistd: Mapping[str, Any],
        reactor: Any = default_reactor,
        role: Role = ON_ITS_OWN,
        load: Load | None = None,
    ) -> None:
        super().__init__(twistd, reactor)
        owner = owner_of(twistd)
        mongod = (
            Mongod(settings.data_dir / "mongo", reactor, binary=settings.mongo.binary)
            if settings.mongo.uri is None
            else None
        )
        uri = mongod.uri if mongod else settings.mongo.uri
        assert uri is not None
        slow_reads = SlowReads(reactor, settings.limits.searches, settings.limits.searches_per_user)
        database = Database(uri, slow_reads, files=settings.picture_store == "gridfs")
        bus = role.bus(settings, reactor)
        data_dir_id = generated_secret(settings.data_dir / UPLOADS_ID, owner)
        counting = make_counting(settings, bus, data_dir_id, reactor, role.name)
        stores = make_stores(
            settings,
            database,
            reactor,
            shared=mongod is None,
            folder=data_dir_id,
            bus=bus,
        )
        hub = make_hub(settings.websocket, stores, bus, reactor)
        passwords = Passwords(reactor)
        pictures = make_picture_store(settings, database, stores.pictures, reactor)
        images = Images(pictures, settings.data_dir / "spool", reactor)
        archives = make_archives(settings, database, reactor)
        words, tokens = make_word_filter(settings), make_tokens(settings, reactor)

        def generated_key() -> str:
            return generated_secret(settings.data_dir / SECRET_KEY, owner)

        make = partial(
            make_actions,
            session_listener=hub.registry,
            arrivals=hub.arrivals,
            passwords=passwords,
            images=images,
            picture_store=pictures,
            archives=archives,
            words=words,
            make_window=counting.make_window,
        )
        actions = make(
            settings,
            stores,
            sms=make_sms_sender(settings, reactor, stores.sms_counts),
            captcha=make_captcha(settings, reactor),
            tokens=tokens,
            before_message=make_before_message(settings, reactor),
            secret_key=settings.payments.secret_key or generated_key(),
        )
        endpoints = make_endpoints(settings, actions)
        idempotency_keys = IdempotencyKeys(database, now)
        health = make_health(
            settings,
            ping_database=database.ping,
            bus=bus,
            images=images,
            passwords=passwords,
            reactor=reactor,
        )
        turn_reactor = TurnReactor(reactor)
        transports = make_transports(
            settings,
            stores,
            endpoints=endpoints,
            rates=make_rate_limiter(settings.limits, counting.make_window),
            hub=hub,
            idempotency_keys=idempotency_keys,
            pictures=pictures,
            exports=actions.exports,
            server_keys=actions.server_keys,
            health=health,
            others=counting.others,
            reactor=reactor,
            peers=role.peers(turn_reactor),
        )
        self._live = LiveSettings(
            settings,
            stores=stores,
            actions=actions,
            make_actions=make,
            endpoints=endpoints,
            transports=transports,
            words=words,
            tokens=tokens,
            generated_key=generated_key,
            reactor=reactor,
        )
        self._reload = Reload(settings, load or (lambda: settings), self._prepare, reactor, is_quiet=role.is_quiet)
        folding = Folding(database, reactor)
        notifier = Notifier(reactor, role.environ)
        alone = mongod is not None or role.is_alone
        schema_lease = None if alone else Lease(database, "schema")
        schema = Schema(database, MIGRATIONS, schema_lease, reactor, notifier.starting)
        self.ports = role.ports(endpoints_of_settings(settings), transports.factories, turn_reactor)

        process = ProcessMetrics(reactor) if settings.metrics.endpoint else None
        parts = MeasuredParts(
            stores=stores,
            hub=hub,
            transports=transports,
            passwords=passwords,
            images=images,
            slow_reads=slow_reads,
            bus=bus,
            asked=AskedOfDatabase(database, reactor),
        )
        own = OwnMetrics(settings, [parts.measure, *([process.measure] if process else ())])
        self._metrics = role.metrics(settings, own, reactor)
        lease, sign = (None, None) if mongod else (Lease(database, "housekeeping"), SignOfLife(database))

        def paced(name: str, work: Callable[[Pause], Awaitable[object]]) -> PacedService:
            return PacedService(name, PACED_EVERY, work, None if mongod else Lease(database, name), reactor)

        self._make_webhooks = lambda settings: WebhookService(
            settings, stores, None if mongod else Lease(database, "webhooks"), reactor
        )
        self._stores, self._webhooks = stores, self._make_webhooks(settings)
        detects_stalls = os.environ.get("JUSTCHAT_STALLS") == "1"
        rounds: list[Service | None] = [
            OnlineService(hub.registry, stores.online, transports.count_open, health.parts, reactor),
            LoadService(stores.load, lambda: sum(transports.count_open().values()), now, reactor),
            SharedCounting(counting.shared, reactor) if counting.shared else None,
            Housekeeping(
                stores,
                actions,
                hub.notices,
                lease=lease,
                sign=sign,
                is_joined=bus is not None,
                alone=alone,
                reactor=reactor,
            ),
            OperatorRemovals(actions.removals, actions.server_rooms, reactor),
            DeletionRequests(actions.deletion, reactor),
            paced("deletions of accounts", actions.deletion.erase_begun),
            paced("removals of rooms", stores.rooms.finish_removals),
            paced("removals of messages", actions.removals.finish),
            paced("retention", stores.retention.run),
            AnnouncementService(
                actions.announcing,
                settings.limits.announced_per_second,
                None if mongod else Lease(database, "announcements"),
                reactor,
            ),
            OrphanRemoval(actions.uploads, reactor),
            Exporting(actions.exports, reactor),
            ExpiredExports(actions.exports, reactor),
            Reconciliation(stores, hub.notices) if role.reconciles else None,
            SessionExpiry(stores.sessions, hub.registry, reactor),
            HeldMessageDecisions(actions.held, reactor),
            self._webhooks,
            BusBackstop(stores, stores.packets, hub, reactor) if stores.packets and hub.room_sweep else None,
        ]
        self._periodic = IndependentServices("periodic work", filter(None, rounds))
        children: list[Service | None] = [
            PartService("watchdog", stop=notifier.stopped),
            self._metrics,
            PartService("process metrics", start=process.start, stop=process.stop) if process else None,
            EmbeddedMongod(mongod, settings.data_dir) if mongod else None,
            DatabaseService(database, schema, prepares=role.prepares),
            PartService("sign of life", start=sign.give, stop=sign.end) if sign else None,
            PartService("bus", start=bus.start, stop=bus.stop) if bus else None,
            *picture_services(pictures, reactor),
            PartService("picture worker", start=images.start, stop=images.stop),
            PartService("passwords", start=passwords.start, stop=passwords.stop),
            PartService("mailboxes", stop=stores.mailboxes.stop),
            PartService("rooms", start=stores.rooms.start, stop=stores.rooms.stop),
            PartService("folded names", start=folding.start, stop=folding.stop) if role.prepares else None,
            PartService("first gifts", start=lambda: add_first_gifts(actions.gift_catalogue)),
            PartService("idempotency keys", start=idempotency_keys.release_all) if alone else None,
            PartService("archives", start=archives.start, stop=archives.stop),
            self._periodic,
            PeriodicService("garbage collection", COLLECT_EVERY, gc.collect, reactor),
            PartService("garbage collection settings", start=tune_garbage_collector),
            PartService("stall detector", start=self._detect_stalls) if detects_stalls else None,
            PartService("sockets", stop=transports.close_sockets),
            PartService("calls", stop=lambda: transports.dispatcher.drained(DRAIN, reactor)),
            self.ports,
            role.announcement(settings, self.ports, notifier),
        ]
        for child in filter(None, children):
            child.setServiceParent(self)

    def bind(self) -> None:
        """Bind the TCP ports. Raises StartupError."""
        self.ports.bind()
        if self._metrics is not None:
            self._metrics.bind()

    def reload(self) -> None:
        """Read the settings anew."""
        self._reload.begin()

    def _prepare(self, settings: Settings) -> Apply:
        words = load_word_list(settings)
        return partial(self._apply, settings, words, read_certificates(all_endpoints(settings)))

    def _apply(self, settings: Settings, words: WordList | None, certificates: Mapping[str, Any]) -> None:
        self._live.apply(settings, words)
        self.ports.renew(certificates)
        if self._metrics is not None:
            self._metrics.renew(certificates)
        if settings.webhooks != self._reload.settings.webhooks:
            self._replace_webhooks(settings)

    def _replace_webhooks(self, settings: Settings) -> None:
        types = frozenset(type for webhook in settings.webhooks for type in webhook.events)
        self._stores.marks.change(types)
        self._stores.marked_events.change(types)
        before, self._webhooks = self._webhooks, self._make_webhooks(settings)

        def begin(_: object) -> None:
            self._webhooks.setServiceParent(self._periodic)

        maybeDeferred(before.disownServiceParent).addCallback(begin).addErrback(
            lambda failure: self._log.failure("webhooks cannot be changed", failure)
        )

    def _detect_stalls(self) -> None:
        StallDetector(
            self._reactor,
            lambda ms, stack: self._log.warn("the reactor was blocked for {ms:.0f} ms at {stack}", ms=ms, stack=stack),
        )
