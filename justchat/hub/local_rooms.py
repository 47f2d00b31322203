"""The rooms of local users: the users of each room who have connections at this daemon, and these connections.

A room may have ten thousand users, of whom ten are connected here. So a message does not look every user up: the room's
local users are known, and their connections are joined in one list, until the room's users or their connections change.
"""

from collections.abc import Callable

from attrs import Factory, define

from justchat.hub.registry import Registry
from justchat.interfaces.realtime import IConnection
from justchat.limits.bounded_cache import BoundedCache
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, Members
from justchat.model.room import Room
from justchat.protocol.events import Position

LEFT_KEPT = 20_000
"""Users and rooms they have left that are remembered."""


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
        self._gates: dict[Id, IConnection] = {}
        """By user: what receives events in the place of the user's connections."""
        self._left_at: BoundedCache[tuple[Id, Id], int] = BoundedCache(LEFT_KEPT)
        self._entered: dict[Id, int] = {}
        """By local user, the place in the order of the latest entering that their connections know of."""
        self._known_before: dict[Id, int] = {}
        """The same before ``forget_known_before`` was called last, of those whose connections know of another since."""
        self._positions: dict[Id, Position] = {}
        """By local user, the position that one of their connections began at last."""
        self._on_first: list[Callable[[Id], None]] = []
        self._on_last: list[Callable[[Id], None]] = []
        registry.subscribe_change(self._on_change)

    def subscribe(self, on_first: Callable[[Id], None], on_last: Callable[[Id], None]) -> None:
        """Call ``on_first`` with each room that has a local user from now on, and ``on_last`` when it has none left."""
        self._on_first.append(on_first)
        self._on_last.append(on_last)

    def has(self, user: Id, room: Id) -> bool:
        """Whether this is a local user of the room."""
        return room in self._rooms_of.get(user, ())

    def rooms_of(self, user: Id) -> tuple[Id, ...]:
        """The rooms of a local user: at most one, but for the time of a move."""
        return self._rooms_of.get(user, ())

    def has_any(self, room: Id) -> bool:
        """Whether a room has local users."""
        return room in self._rooms

    def users(self) -> list[Id]:
        """The users with connections at this daemon, whether or not they are in a room."""
        return list(self._by_user)

    def add(self, user: Id, room: Id) -> None:
        """The user is in this room, or is about to be. Does nothing for a user without connections."""
        rooms = self._rooms_of.get(user, ())
        if room in rooms or user not in self._by_user:
            return
        self._rooms_of[user] = (*rooms, room)
        local = self._rooms.get(room)
        is_first = local is None
        if local is None:
            local = self._rooms[room] = _LocalRoom()
        local.users[user] = None
        local.changed()
        if is_first:
            for on_first in self._on_first:
                on_first(room)

    def remove(self, user: Id, room: Id, seq: int = 0) -> None:
        """The user is not in this room any more, since its entry ``seq`` if that is known."""
        rooms = self._rooms_of.get(user, ())
        if room not in rooms:
            return
        if seq:
            self._left_at.put((user, room), seq)
        if len(rooms) == 1:
            del self._rooms_of[user]
        else:
            self._rooms_of[user] = tuple(other for other in rooms if other != room)
        local = self._rooms[room]
        del local.users[user]
        local.changed()
        if not local.users:
            del self._rooms[room]
            for on_last in self._on_last:
                on_last(room)

    def left_at(self, user: Id, room: Id) -> int:
        """The seq of the entry by which a local user left a room last, as far as it is remembered; else 0."""
        return self._left_at.get((user, room), 0)

    def left(self, user: Id, room: Id, seq: int) -> None:
        """The user's connections know that the user left a room by its entry ``seq``."""
        if user in self._by_user and seq > self.left_at(user, room):
            self._left_at.put((user, room), seq)

    def entered(self, user: Id, place: int) -> None:
        """The user's connections know of the entering at this place in the order, and need none before it."""
        known = self._entered.get(user, 0)
        if user in self._by_user and place > known:
            self._known_before.setdefault(user, known)
            self._entered[user] = place

    def positioned(self, user: Id, at: Position) -> None:
        """A connection of the user begins at this position."""
        if user in self._by_user:
            self._positions[user] = at

    def known_place(self, user: Id) -> int:
        """The place in the order of the latest entering that a local user's connections know of; else 0."""
        return self._entered.get(user, 0)

    def known_before(self, user: Id) -> int:
        """The same when ``forget_known_before`` was called last."""
        return self._known_before.get(user, self.known_place(user))

    def forget_known_before(self) -> None:
        """From now on ``known_before`` is what is known now."""
        if self._known_before:
            self._known_before = {}

    def is_over(self, user: Id, room: Id, seq: int, place: int) -> bool:
        """Whether the user's connections know that a stay is over, which began with the room's entry ``seq``: they know
        of its end, or of a later entering; or the user was in another room, or in none, when one of them began.

        Streams have no order among each other, and one may be read long after another. An entering that comes late
        must not be sent any more, since clients take the latest one that comes for the room that they are in.
        """
        at = self._positions.get(user)
        if at is not None and place <= at.entered and room != at.room:
            return True
        return seq <= self.left_at(user, room) or place < self._entered.get(user, 0)

    def close_gate(self, user: Id, gate: IConnection) -> None:
        """From now on the gate receives events in the place of the user's connections."""
        self._gates[user] = gate
        self._connections_changed(user)

    def open_gate(self, user: Id) -> None:
        """From now on the user's connections receive events themselves."""
        self._gates.pop(user, None)
        self._connections_changed(user)

    def _connections_changed(self, user: Id) -> None:
        for room in self.rooms_of(user):
            self._rooms[room].changed()

    def apply(self, entry: Entry) -> None:
        """Apply an entry of a room, by which a user may enter or leave, before it is published."""
        if entry.kind is Kind.MESSAGE:
            return  # as nearly all entries
        match entry.kind:
            case Kind.NEW_ROOMMATE:
                self._enter(entry)
            case Kind.LEAVE | Kind.KICK | Kind.BAN:
                self.remove(entry.user or entry.author, entry.stream, entry.seq)
            case Kind.REMOVE_ROOM:
                local = self._rooms.get(entry.stream)
                for user in tuple(local.users) if local is not None else ():
                    self.remove(user, entry.stream, entry.seq)

    def _enter(self, entry: Entry) -> None:
        user, room, place = entry.author, entry.stream, entry.place
        if not self.has(user, room) and (
            entry.order == self._entered.get(user, 0) or self.is_over(user, room, entry.seq, place)
        ):
            return
        self.add(user, room)
        self.entered(user, place)

    def connections(self, room: Room) -> list[IConnection]:
        """The connections of everybody in the room. The list never changes."""
        local = self._rooms.get(room.id)
        if local is None:
            return []
        if local.members is not room.users:
            users = local.members = room.users
            inside = [user for user in local.users if user in users]
            local.connections = self._joined(inside) if self._gates else self._joined_ungated(inside)
        return local.connections

    def connections_to(self, room: Room, may_hear: Callable[[Id], bool]) -> list[IConnection]:
        """The connections of those in the room who may hear something."""
        local = self._rooms.get(room.id)
        if local is None:
            return []
        return self._joined([user for user in local.users if user in room.users and may_hear(user)])

    def _joined_ungated(self, users: list[Id]) -> list[IConnection]:
        by_user = self._by_user
        return [each for user in users for each in by_user[user]]

    def _joined(self, users: list[Id]) -> list[IConnection]:
        return [each for user in users for each in self.connections_of(user)]

    def connections_of(self, user: Id) -> list[IConnection]:
        """What receives the events of a user: their connections, or a gate in their place."""
        gate = self._gates.get(user)
        return self.ungated_connections_of(user) if gate is None else [gate]

    def ungated_connections_of(self, user: Id) -> list[IConnection]:
        """The connections of a user."""
        return list(self._by_user.get(user, ()))

    def has_positioned_connection(self, user: Id) -> bool:
        """Whether a connection of the user must miss nothing from now on. Those that are being bound begin later."""
        return any(not connection.awaits_position for connection in self._by_user.get(user, ()))

    def _on_change(self, user: Id) -> None:
        gone = user not in self._by_user
        self._connections_changed(user)
        if gone:
            for room in self.rooms_of(user):
                self.remove(user, room)
            self._entered.pop(user, None)
            self._known_before.pop(user, None)
            self._positions.pop(user, None)
