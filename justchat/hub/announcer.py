"""The announcer: publishes the effects that this daemon's entries have beyond their stream."""

from justchat.hub.publisher import Publisher
from justchat.interfaces.packets import IPackets, Move
from justchat.model.direct import Mailbox
from justchat.model.entry import Entry, Kind
from justchat.model.room import Room


class Announcer:
    """Subscriber of the entries that this daemon appends. ``packets`` is None for a daemon alone."""

    def __init__(self, publisher: Publisher, packets: IPackets | None) -> None:
        self._publisher = publisher
        self._packets = packets

    def on_entry(self, room: Room, entry: Entry) -> None:
        """Publish to the daemons with connections of a user which room the user has entered."""
        if self._packets is not None and entry.kind is Kind.NEW_ROOMMATE:
            self._packets.publish_move(Move(entry.author, room.id, entry.seq, entry.created_at, entry.place))

    def on_mailbox_entry(self, mailbox: Mailbox, entry: Entry) -> None:
        """Publish a gift to the others in the receiver's room, at whichever daemon they are connected."""
        if entry.kind is Kind.GIFT and entry.room is not None:
            self._publisher.on_roommate_gift(entry)
            if self._packets is not None:
                self._packets.publish_gift(entry)
