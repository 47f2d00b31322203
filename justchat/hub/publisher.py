"""Delivery: an entry that happened becomes one frame, which goes to everyone whom it concerns."""

from collections.abc import Callable

from justchat.hub.registry import Registry
from justchat.model.direct import Mailbox
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.room import Room
from justchat.protocol.encoded_events import EncodedEvent
from justchat.protocol.events import Event, for_roommates, of_entry, of_mailbox


class Publisher:
    """Told of every entry, in the order of its stream's log, once it is durable."""

    def __init__(self, registry: Registry, room_of: Callable[[Id], Room | None]) -> None:
        self._registry = registry
        self._room_of = room_of

    def hear(self, room: Room, entry: Entry) -> None:
        """``room`` is the room just after ``entry``. Those in it hear of it; who is out of it, by their own stream."""
        if entry.kind not in (Kind.VOID, Kind.REMOVE_ROOM):
            self._registry.send(room.users, lambda: _frame(of_entry(entry), entry))

    def hear_mailbox(self, mailbox: Mailbox, entry: Entry) -> None:
        """An entry that is addressed to a user; a gift is heard by those around them, too."""
        if entry.kind is Kind.VOID:
            return
        self._registry.send((mailbox.id,), lambda: _frame(of_mailbox(entry), entry))
        room = self._room_of(entry.room) if entry.room is not None else None
        if room is not None:
            others = [user for user in room.users if user != mailbox.id]
            self._registry.send(others, lambda: EncodedEvent(for_roommates(_told(of_mailbox(entry))).to_json()))


def _frame(event: Event | None, entry: Entry) -> EncodedEvent:
    return EncodedEvent(_told(event).to_json(), entry.stream, entry.seq)


def _told(event: Event | None) -> Event:
    assert event is not None, "only what is void has nothing to tell"
    return event
