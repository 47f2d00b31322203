"""What daemons publish to each other beside the entries of the log: over the bus, and through the database.

A packet that no node of the bus takes is stored, for all to read within a second. A gift is always stored: the room's
log does not have it, so a daemon that has lost its node could not learn of it otherwise.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bson import ObjectId, decode, encode
from bson.errors import BSONError
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from justchat.errors import ApiError
from justchat.interfaces.bus import IBus, PacketKind
from justchat.interfaces.packets import IPackets
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, is_well_formed
from justchat.model.moment import Clock
from justchat.store.bson import entry_from_document, entry_to_document
from justchat.store.indexes import PACKETS
from justchat.store.mongo.client import Database
from justchat.store.notices import NoticeReader

ALL_STREAMS = Id("0" * 24)
"""The stream of a stored SWEEP."""
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
        self._stored = NoticeReader(database, PACKETS, clock)
        self._has_begun = False
        self._on_moved: list[Callable[[Id, Id, int], None]] = []
        self._on_roommate_gift: list[Callable[[Entry], None]] = []
        self._on_sweep: list[Callable[[], None]] = []
        self._handlers: Mapping[PacketKind, Callable[[Id, Mapping[str, Any]], None]] = {
            PacketKind.MOVED: self._on_move_packet,
            PacketKind.ROOMMATE_GIFT: self._on_gift_packet,
            PacketKind.SWEEP: self._on_sweep_packet,
        }
        for kind in (PacketKind.MOVED, PacketKind.ROOMMATE_GIFT):
            bus.on_packet(kind, partial(self._take, kind))

    def on_moved(self, handler: Callable[[Id, Id, int], None]) -> None:
        self._on_moved.append(handler)

    def on_roommate_gift(self, handler: Callable[[Entry], None]) -> None:
        self._on_roommate_gift.append(handler)

    def publish_move(self, user: Id, room: Id, seq: int) -> None:
        body = encode({"room": ObjectId(room), "seq": seq})
        if not self._bus.publish(user, PacketKind.MOVED, body):
            self._store(user, PacketKind.MOVED, body)

    def publish_gift(self, gift: Entry) -> None:
        if gift.room is not None:
            body = encode(entry_to_document(gift))
            self._bus.publish(gift.room, PacketKind.ROOMMATE_GIFT, body)
            self._store(gift.room, PacketKind.ROOMMATE_GIFT, body)

    def on_sweep(self, handler: Callable[[], None]) -> None:
        """Call ``handler`` when a daemon has stored a SWEEP. Those on the bus are for the logs."""
        self._on_sweep.append(handler)

    def store_sweep(self) -> None:
        """Let the others read the heads of all streams that they follow: this daemon cannot publish its entries."""
        self._store(ALL_STREAMS, PacketKind.SWEEP, encode({}))

    def _on_sweep_packet(self, stream: Id, document: Mapping[str, Any]) -> None:
        for handler in self._on_sweep:
            handler()

    def _store(self, stream: Id, kind: PacketKind, body: bytes) -> None:
        packet = {"stream": ObjectId(stream), "kind": kind.value, "body": body, "at": self._clock()}
        # Nobody waits for it.
        Deferred.fromCoroutine(self._database.insert(PACKETS, packet)).addErrback(
            lambda failure: self._log.warn("a packet was not stored: {failure.value}", failure=failure)
        )

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
        room, seq = document["room"], document["seq"]
        if not isinstance(room, ObjectId) or type(seq) is not int or seq < 1:
            raise ValueError
        for handler in self._on_moved:
            handler(user, Id(str(room)), seq)

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
