"""Delivery: an entry that happened becomes one frame, which goes to everyone whom it concerns."""

from justchat.events import Frame, audience, of_entry
from justchat.hub.registry import Registry
from justchat.model.entry import Entry
from justchat.model.room import Room


class Delivery:
    """Told of every entry, in the order of the room's log, once it is durable."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def hear(self, room: Room, entry: Entry) -> None:
        """``room`` is the room just after ``entry``."""
        event = of_entry(entry)
        if event is not None:
            self._registry.send(audience(room, entry), Frame(event.to_json()))
