"""What a scrape reads of the daemon's parts: sizes that need no counting."""

from collections.abc import Iterator

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from justchat.bus.bus import Bus
from justchat.bus.connection import UNANSWERED
from justchat.metrics import declarations as metrics
from justchat.store import slow_reads as reads
from justchat.store.backups import Backups
from justchat.store.log.log import MAX_WAITING
from justchat.store.mongo.client import Database
from justchat.store.slow_reads import SlowReads
from justchat.wiring.hub import Hub
from justchat.wiring.stores import Stores
from justchat.wiring.transports import Transports
from justchat.workers import images as pictures
from justchat.workers import passwords as hashes
from justchat.workers.images import Images
from justchat.workers.passwords import Passwords

ASK_EVERY = 60.0


@frozen(kw_only=True)
class MeasuredParts:
    """The parts of a daemon that a scrape reads."""

    stores: Stores
    hub: Hub
    transports: Transports
    passwords: Passwords
    images: Images
    slow_reads: SlowReads
    bus: Bus | None
    asked: "AskedOfDatabase"

    def measure(self) -> None:
        """Set the gauges of these parts."""
        transports = self.transports
        metrics.CALLS_PENDING.set(transports.dispatcher.pending)
        for protocol, number in transports.count_open().items():
            metrics.SOCKETS.set(number, protocol)
        metrics.USERS_CONNECTED.set(len(self.hub.registry.by_user))
        for name, log in (("rooms", self.stores.rooms.log), ("mailboxes", self.stores.mailboxes.log)):
            metrics.LOG_IN_DOUBT.set(log.in_doubt, name)
        for queue, length, bound in self._queues():
            metrics.QUEUE_LENGTH.set(length, queue)
            if bound is not None:
                metrics.QUEUE_BOUND.set(bound, queue)
        if self.bus is not None:
            metrics.BUS_UP.set(int(not self.bus.is_away()))
            metrics.BUS_LAG.set(self.bus.lag)
        self.asked.measure()

    def _queues(self) -> Iterator[tuple[str, int, int | None]]:
        """The name, length and bound of each queue."""
        yield "log_rooms", self.stores.rooms.log.waiting, MAX_WAITING
        yield "log_mailboxes", self.stores.mailboxes.log.waiting, MAX_WAITING
        # Bounded by the number of streams: what one has for the same sockets is joined.
        yield "broadcast", self.hub.broadcast.waiting, None
        for name, length in self.passwords.queued().items():
            yield f"passwords_{name}", length, hashes.MOST
        yield "pictures", self.images.queued, pictures.WAITING
        yield "searches", self.slow_reads.waiting, reads.MAX_WAITING
        yield "connections", self.transports.connections.count, self.transports.connections.most
        if self.bus is not None:
            yield "bus_bytes", self.bus.unconfirmed, UNANSWERED


class AskedOfDatabase:
    """The size of the database, and the last backup, which it is asked for at most every ASK_EVERY seconds, for the
    next scrape.
    """

    _log = Logger()

    def __init__(self, database: Database, reactor: IReactorTime) -> None:
        self._database = database
        self._backups = Backups(database)
        self._reactor = reactor
        self._asked = float("-inf")

    def measure(self) -> None:
        """Ask, if it is time."""
        now = self._reactor.seconds()
        if now >= self._asked + ASK_EVERY:
            self._asked = now
            for asked in (self._ask_size(), self._ask_backup()):
                # The database may be away, or not let us: then the last numbers stay.
                Deferred.fromCoroutine(asked).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        self._log.debug("the database does not tell: {error}", error=failure.value)

    async def _ask_size(self) -> None:
        size = await self._database.command({"dbStats": 1})
        metrics.DATABASE_BYTES.set(size["totalSize"])

    async def _ask_backup(self) -> None:
        last = await self._backups.last()
        metrics.BACKUP_TIME.set(last.at.timestamp() if last else 0)
        metrics.BACKUP_BYTES.set(last.size if last else 0)
