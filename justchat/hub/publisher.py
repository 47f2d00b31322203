"""The publisher: turns each durable entry into one encoded event, and sends it to everybody it concerns."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.errors import RoomNotFound, Unavailable
from justchat.hub.broadcast import Broadcast
from justchat.hub.local_rooms import LocalRooms
from justchat.interfaces.rooms import IRooms
from justchat.limits.bounded_cache import BoundedCache
from justchat.model.direct import Mailbox
from justchat.model.entry import SILENT, Entry, Kind
from justchat.model.ids import Id
from justchat.model.room import Room
from justchat.protocol.encoded_events import EncodedEvent
from justchat.protocol.events import (
    Event,
    event_for_roommates,
    event_of_entry,
    event_of_mailbox_entry,
    is_for_some,
    may_hear,
)

GIFTS_KNOWN = 10_000
ATTEMPTS = 60
"""Tries to read the room of a gift."""
PAUSE = 1.0
"""Seconds between them."""
ENDS = frozenset({Kind.LEAVE, Kind.KICK, Kind.BAN, Kind.REMOVE_ROOM})
"""The kinds whose notice tells its user that they are out of a room."""


def ended_stay(entry: Entry) -> Entry | None:
    """The room's entry that put a user out, if this entry of the user's mailbox is the notice of it."""
    about = entry.ref_message
    return about if entry.kind is Kind.NOTICE and about is not None and about.kind in ENDS else None


class Publisher:
    """Subscriber of rooms and mailboxes: receives every entry once it is durable, in the order of its stream."""

    _log = Logger()

    def __init__(self, broadcast: Broadcast, local_rooms: LocalRooms, rooms: IRooms) -> None:
        self._broadcast = broadcast
        self._local_rooms = local_rooms
        self._rooms = rooms
        self._known_gifts: BoundedCache[Id, None] = BoundedCache(GIFTS_KNOWN)
        """Gifts that were published to roommates here: a gift may arrive in several ways."""

    def on_entry(self, room: Room, entry: Entry) -> None:
        """Publish a room's entry to everybody in the room just after it. AbsenteeNotices sends it to the others."""
        if entry.kind is Kind.MESSAGE and entry.held is None:  # as nearly all entries
            self._broadcast.send(self._local_rooms.connections(room), lambda: _encode(event_of_entry(entry), entry))
            return
        self._local_rooms.apply(entry)
        if not entry.is_silent and entry.kind is not Kind.REMOVE_ROOM:
            connections = self._local_rooms.connections(room)
            if is_for_some(entry):
                connections = self._local_rooms.connections_to(room, lambda user: may_hear(entry, user))
            is_move = entry.kind is Kind.NEW_ROOMMATE
            self._broadcast.send(connections, lambda: _encode(event_of_entry(entry), entry), after_all=is_move)

    def on_mailbox_entry(self, mailbox: Mailbox, entry: Entry) -> None:
        """Publish an entry to the user it is addressed to."""
        end = ended_stay(entry)
        if end is not None:
            self._local_rooms.left(mailbox.id, end.stream, end.seq)
        if entry.kind not in SILENT and entry.held is None:
            own = self._local_rooms.connections_of(mailbox.id)
            self._broadcast.send(own, lambda: _encode(event_of_mailbox_entry(entry), entry), after_all=end is not None)

    def on_roommate_gift(self, gift: Entry) -> None:
        """Publish a gift to the others in its receiver's room, once."""
        if gift.room is None or gift.id in self._known_gifts or not self._local_rooms.has_any(gift.room):
            return
        self._known_gifts.put(gift.id, None)
        Deferred.fromCoroutine(self._publish_to_roommates(gift, gift.room)).addErrback(
            lambda failure: self._log.failure("a gift was not published to roommates", failure)
        )

    async def _publish_to_roommates(self, gift: Entry, room_id: Id) -> None:
        room = await self._present(room_id)
        if room is None:
            return
        own = self._local_rooms.connections_of(gift.stream)
        roommates = [each for each in self._local_rooms.connections(room) if each not in own]
        self._broadcast.send(roommates, lambda: _encode_for_roommates(gift))

    async def _present(self, room: Id) -> Room | None:
        """The room, once the database is there to tell; None for one that is removed, or for an outage that lasts."""
        for _ in range(ATTEMPTS):
            try:
                return await self._rooms.get(room)
            except RoomNotFound:
                return None
            except Unavailable:
                await deferLater(reactor, PAUSE)
        self._log.warn("the database is away: a gift is not published to the others in the room {room}", room=room)
        return None


def _encode(event: Event | None, entry: Entry) -> EncodedEvent:
    assert event is not None, "a void entry has no event"
    return EncodedEvent.of_entry(event.to_json(), entry)


def _encode_for_roommates(entry: Entry) -> EncodedEvent:
    event = event_of_mailbox_entry(entry)
    assert event is not None, "a void entry has no event"
    return EncodedEvent(event_for_roommates(event).to_json())
