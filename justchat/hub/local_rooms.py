"""The rooms of local users: the users of each room who have connections at this daemon, and these connections.

A room may have ten thousand users, of whom ten are connected here. So a message does not look every user up: the room's
local users are known, and their connections are joined in one list, until the room's users or their connections change.
"""

from attrs import Factory, define

from justchat.hub.registry import Registry
from justchat.interfaces.realtime import IConnection
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, Members
from justchat.model.room import Room


@define(eq=False)
class _LocalRoom:
    """A room's local users, and their connections as long as the room's users are ``members``."""

    users: dict[Id, None] = Factory(dict)
    members: Members | None = None
    connections: list[IConnection] = Factory(list)

    def changed(self) -> None:
        """Forget both: the local users or their connections have changed."""
        self.members, self.connections = None, []


class LocalRooms:
    """The local users of each room. A user without a connection at this daemon is not among them.

    Only users whom the room itself counts among its users receive its events. So a user who is added too early, or
    removed too late, receives nothing that is not theirs; one who is added too late misses events.
    """

    def __init__(self, registry: Registry) -> None:
        self._by_user = registry.by_user
        self._rooms: dict[Id, _LocalRoom] = {}
        self._rooms_of: dict[Id, tuple[Id, ...]] = {}
        """By local user: their room, and for the time of a move a second one."""
        registry.subscribe_change(self._on_change)

    def add(self, user: Id, room: Id) -> None:
        """The user is in this room, or is about to be. Does nothing for a user without connections."""
        rooms = self._rooms_of.get(user, ())
        if room in rooms or user not in self._by_user:
            return
        self._rooms_of[user] = (*rooms, room)
        local = self._rooms.get(room)
        if local is None:
            local = self._rooms[room] = _LocalRoom()
        local.users[user] = None
        local.changed()

    def remove(self, user: Id, room: Id) -> None:
        """The user is not in this room any more."""
        rooms = self._rooms_of.get(user, ())
        if room not in rooms:
            return
        if len(rooms) == 1:
            del self._rooms_of[user]
        else:
            self._rooms_of[user] = tuple(other for other in rooms if other != room)
        local = self._rooms[room]
        del local.users[user]
        local.changed()
        if not local.users:
            del self._rooms[room]

    def apply(self, entry: Entry) -> None:
        """Apply an entry of a room, by which a user may enter or leave, before it is published."""
        match entry.kind:
            case Kind.MESSAGE:
                pass  # as nearly all entries
            case Kind.NEW_ROOMMATE:
                self.add(entry.author, entry.stream)
            case Kind.LEAVE | Kind.KICK | Kind.BAN:
                self.remove(entry.user or entry.author, entry.stream)
            case Kind.REMOVE_ROOM:
                for user in tuple(self._rooms.get(entry.stream, _LocalRoom()).users):
                    self.remove(user, entry.stream)

    def connections(self, room: Room) -> list[IConnection]:
        """The connections of everybody in the room. The list never changes."""
        local = self._rooms.get(room.id)
        if local is None:
            return []
        if local.members is not room.users:
            users = local.members = room.users
            by_user = self._by_user
            local.connections = [each for user in local.users if user in users for each in by_user[user]]
        return local.connections

    def connections_of(self, user: Id) -> list[IConnection]:
        """The connections of a user."""
        return list(self._by_user.get(user, ()))

    def _on_change(self, user: Id) -> None:
        gone = user not in self._by_user
        for room in self._rooms_of.get(user, ()):
            self._rooms[room].changed()
            if gone:
                self.remove(user, room)
