"""What daemons publish to each other beside the entries of the log: over the bus, and through the database.

A packet that no node of the bus takes is stored, for all to read within a second. A gift is always stored: the room's
log does not have it, so a daemon that has lost its node could not learn of it otherwise.
"""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bson import Int64, ObjectId, decode, encode
from bson.errors import BSONError
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.errors import ApiError, DatabaseAway
from justchat.interfaces.bus import CONTROL, IBus, PacketKind
from justchat.interfaces.packets import IPackets, Move
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, is_well_formed
from justchat.model.moment import Clock, Moment, milliseconds
from justchat.store.bson import entry_from_document, entry_to_document, moment
from justchat.store.indexes import PACKETS
from justchat.store.mongo.client import Database
from justchat.store.notices import NoticeReader

ALL_STREAMS = Id("0" * 24)
"""The stream of a stored SWEEP."""
SETTLING = timedelta(seconds=5)
"""The time before a node goes away, and after it has come back, whose moves are stored as well."""
RECENT = 1000
LARGEST = 1024 * 1024
"""Bytes of a packet's body."""


@implementer(IPackets)
class Packets:
    """See IPackets."""

    _log = Logger()

    def __init__(self, database: Database, bus: IBus, clock: Clock) -> None:
        self._database = database
        self._bus = bus
        self._clock = clock
        self._changed_at: Moment | None = None
        """When a node of the bus went away or came back."""
        self._recent: deque[tuple[Moment, Id, bytes]] = deque(maxlen=RECENT)
        """The latest moves that the bus has taken: when, whose and what."""
        bus.on_change(self._on_change)
        self._stored = NoticeReader(database, PACKETS, clock)
        self._has_begun = False
        self._on_moved: list[Callable[[Move], None]] = []
        self._on_roommate_gift: list[Callable[[Entry], None]] = []
        self._on_sweep: list[Callable[[], None]] = []
        self._handlers: Mapping[PacketKind, Callable[[Id, Mapping[str, Any]], None]] = {
            PacketKind.MOVED: self._on_move_packet,
            PacketKind.ROOMMATE_GIFT: self._on_gift_packet,
            PacketKind.SWEEP: self._on_sweep_packet,
        }
        for kind in (PacketKind.MOVED, PacketKind.ROOMMATE_GIFT):
            bus.on_packet(kind, partial(self._take, kind))

    def on_moved(self, handler: Callable[[Move], None]) -> None:
        self._on_moved.append(handler)

    def on_roommate_gift(self, handler: Callable[[Entry], None]) -> None:
        self._on_roommate_gift.append(handler)

    def publish_move(self, move: Move) -> None:
        body = encode({"room": ObjectId(move.room), "seq": move.seq, "at": move.at, "order": Int64(move.order)})
        if not self._bus.publish(move.user, PacketKind.MOVED, body) or self._is_unsettled():
            self._store(move.user, PacketKind.MOVED, body)
        else:
            self._recent.append((self._clock(), move.user, body))

    def publish_gift(self, gift: Entry) -> None:
        if gift.room is not None:
            body = encode(entry_to_document(gift))
            self._bus.publish(gift.room, PacketKind.ROOMMATE_GIFT, body)
            self._store(gift.room, PacketKind.ROOMMATE_GIFT, body)

    def _on_change(self) -> None:
        self._changed_at = at = self._clock()
        while self._recent:  # a node that went away may have taken them with it
            published_at, user, body = self._recent.popleft()
            if abs(at - published_at) < SETTLING:
                self._store(user, PacketKind.MOVED, body)

    def _is_unsettled(self) -> bool:
        """Whether a packet that the bus takes may reach nobody, since others may not follow their streams again yet."""
        changed_at = self._changed_at
        return changed_at is not None and (self._bus.is_away() or abs(self._clock() - changed_at) < SETTLING)

    def on_sweep(self, handler: Callable[[], None]) -> None:
        """Call ``handler`` when a daemon has stored a SWEEP. Those on the bus are for the logs."""
        self._on_sweep.append(handler)

    def publish_sweep(self) -> None:
        """Let the others read the heads of all streams that they follow, over the bus if it can be."""
        if not self._bus.publish(CONTROL, PacketKind.SWEEP, b""):
            self.store_sweep()

    def store_sweep(self) -> None:
        """Let the others read the heads of all streams that they follow: this daemon cannot publish its entries."""
        self._store(ALL_STREAMS, PacketKind.SWEEP, encode({}))

    def _on_sweep_packet(self, stream: Id, document: Mapping[str, Any]) -> None:
        for handler in self._on_sweep:
            handler()

    def _store(self, stream: Id, kind: PacketKind, body: bytes) -> None:
        packet = {"stream": ObjectId(stream), "kind": kind.value, "body": body, "at": self._clock()}
        # Nobody waits for it.
        Deferred.fromCoroutine(self._database.insert(PACKETS, packet)).addErrback(self._not_stored)

    def _not_stored(self, failure: Failure) -> None:
        if failure.check(DatabaseAway):
            self._log.warn("a packet was not stored: {error}", error=failure.value)
        else:
            self._log.failure("a packet was not stored", failure)

    async def look(self) -> None:
        """Take the packets that were stored since the last look. Those before the first look are for nobody here."""
        try:
            packets = await self._stored.read()
        except ApiError:  # the database is away, which others log; the next look finds the same packets
            return
        has_begun, self._has_begun = self._has_begun, True
        if not has_begun:
            return
        for packet in packets:
            if packet["kind"] in self._handlers:  # else it is a later release's
                self._take(PacketKind(packet["kind"]), Id(str(packet["stream"])), bytes(packet["body"]))

    def _take(self, kind: PacketKind, stream: Id, body: bytes) -> None:
        """Take a packet, unless it is malformed: others may publish on the nodes of the bus, too."""
        try:
            if len(body) > LARGEST or not is_well_formed(stream):
                raise ValueError
            self._handlers[kind](stream, decode(body))
        except (BSONError, ValueError, TypeError, KeyError, AttributeError, AssertionError):
            self._log.warn("a packet of kind {kind} is malformed", kind=kind.name)

    def _on_move_packet(self, user: Id, document: Mapping[str, Any]) -> None:
        room, seq, at = document["room"], document["seq"], document["at"]
        if not isinstance(room, ObjectId) or type(seq) is not int or seq < 1 or not isinstance(at, datetime):
            raise ValueError
        order = document.get("order", milliseconds(moment(at)) * 1000)  # an earlier release's has none
        if not isinstance(order, int) or isinstance(order, bool):
            raise ValueError
        for handler in self._on_moved:
            handler(Move(user, Id(str(room)), seq, moment(at), int(order)))

    def _on_gift_packet(self, room: Id, document: Mapping[str, Any]) -> None:
        gift = _checked_gift(document)
        if gift.room != room:
            raise ValueError
        for handler in self._on_roommate_gift:
            handler(gift)


def _checked_gift(document: Mapping[str, Any]) -> Entry:
    """The entry of a gift. Raises ValueError, TypeError, KeyError and AttributeError."""
    ids = [document[name] for name in ("_id", "stream", "author", "user", "room")]
    given = document["gift"]
    if not all(isinstance(id, ObjectId) for id in (*ids, given["_id"])) or document["kind"] != Kind.GIFT.value:
        raise ValueError
    if not all(isinstance(text, str) for text in (document.get("text", ""), given["name"], given["image"])):
        raise TypeError
    return entry_from_document({**document})
