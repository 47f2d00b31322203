"""The announcer: what the entries of this daemon mean beyond their stream, it tells the hub and the other daemons."""

from justchat.hub.publisher import Publisher
from justchat.interfaces.packets import IPackets
from justchat.model.direct import Mailbox
from justchat.model.entry import Entry, Kind
from justchat.model.room import Room


class Announcer:
    """Subscriber of the entries that this daemon appends. ``packets`` is None for a daemon alone."""

    def __init__(self, publisher: Publisher, packets: IPackets | None) -> None:
        self._publisher = publisher
        self._packets = packets

    def on_entry(self, room: Room, entry: Entry) -> None:
        """Tell the daemons that have connections of a user which room the user has entered."""
        if self._packets is not None and entry.kind is Kind.NEW_ROOMMATE:
            self._packets.tell_moved(entry.author, room.id, entry.seq)

    def on_mailbox_entry(self, mailbox: Mailbox, entry: Entry) -> None:
        """Tell the others in a user's room of a gift to that user, wherever they are connected."""
        if entry.kind is Kind.GIFT and entry.room is not None:
            self._publisher.on_roommate_gift(entry)
            if self._packets is not None:
                self._packets.tell_roommates(entry)
