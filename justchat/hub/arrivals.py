"""Arrivals: a user with connections here enters a room through another daemon.

This daemon may not have followed the room yet, so it has missed what happened since. The user's connections receive it
as a reconnecting client does: first the events since their entering, then those that were held back meanwhile. All of
the user's events are held back, not the room's alone: word that they have left the room, or entered another, comes
after what happened while they were inside.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any

from attrs import Factory, define, frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from zope.interface import implementer

from justchat.errors import RoomNotFound, Unavailable
from justchat.hub.broadcast import Broadcast
from justchat.hub.following import Following
from justchat.hub.gate import Gate
from justchat.hub.local_rooms import LocalRooms
from justchat.hub.publisher import ended_stay
from justchat.hub.registry import Registry
from justchat.interfaces.packets import Move
from justchat.interfaces.realtime import IArrivals, IReplay
from justchat.interfaces.rooms import IRooms
from justchat.model.direct import Mailbox
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.protocol.close_codes import CloseCode
from justchat.protocol.encoded_events import EncodedEvent
from justchat.protocol.events import Position

ATTEMPTS = 30
"""Attempts to read what was missed, one second apart. Then the user's connections are closed, to come back later."""
NOTHING_MORE = 1 << 62
"""No event has such a seq."""
WAITED_FOR = 1.0
"""Seconds that a call, or a binding, waits until what a user has missed is sent. It takes longer where the database is
away.
"""
LOOK = 0.02
"""Seconds between two looks whether word of an entering has come."""
LOOKED_BACK = (100, 1000)
"""Entries in which the user's entering is looked for, where its seq is not known."""


@frozen
class _Entering:
    """The entry by which a user entered a room."""

    seq: int
    place: int


@frozen
class _Stay:
    """A stay of which the user's connections have not been told, and whose end they are about to be told of."""

    room: Id
    end: int
    """The seq of the entry by which it ended."""
    left_at: int
    """That of the one by which the user left the room before."""


@define(eq=False)
class _Arrival:
    """An arrival that is under way. Its gate holds back what the user's connections do not know yet."""

    user: Id
    room: Id
    gate: Gate
    entering: _Entering | None
    """None while it is not known."""
    known_place: int
    """That of the latest entering that all the user's connections know of."""
    left_at: int
    """The seq of the entry by which the user left the room before."""
    is_joined: bool
    """Whether a connection of the user is bound meanwhile, which may know what is held back."""
    at_least: int = 0
    """Entries that the room has, as far as it is known."""
    next_stays: deque[_Stay] = Factory(deque)
    """What the same gate is kept closed for."""
    sent: int = 0
    """The seq of the last event that was sent."""
    waiters: list[Deferred[None]] = Factory(list)

    def has_missed(self, entering: _Entering) -> bool:
        """Whether none of the user's connections knew of this entering when the arrival began."""
        return entering.place > self.known_place and entering.seq > self.left_at

    def turn_to(self, stay: _Stay, known_place: int) -> None:
        """Go on with another stay."""
        self.room, self.at_least, self.left_at = stay.room, stay.end, stay.left_at
        self.entering, self.known_place, self.sent = None, known_place, 0


@implementer(IArrivals)
class Arrivals:
    """Carries out arrivals, one at a time of each user."""

    _log = Logger()

    def __init__(
        self,
        *,
        registry: Registry,
        broadcast: Broadcast,
        local_rooms: LocalRooms,
        following: Following,
        rooms: IRooms,
        replay: IReplay,
        reactor: Any,
    ) -> None:
        self._by_user = registry.by_user
        self._broadcast = broadcast
        self._local_rooms = local_rooms
        self._following = following
        self._rooms = rooms
        self._replay = replay
        self._reactor = reactor
        registry.subscribe_change(self._on_change)
        self._pending: dict[Id, _Arrival] = {}

    def _on_change(self, user: Id) -> None:
        if user in self._pending:
            self._pending[user].is_joined = True

    def on_moved(self, move: Move) -> None:
        """A user has entered a room through another daemon."""
        self.begin(move.user, move.room, move)

    def on_mailbox_entry(self, mailbox: Mailbox, entry: Entry) -> None:
        """A notice that ends a stay may come before word of the stay: then the stay comes first.

        To be called before the notice is published, which the gate holds back then.
        """
        end = ended_stay(entry)
        if end is None:
            return
        user, room = mailbox.id, end.stream
        left_at = self._local_rooms.left_at(user, room)
        if self._local_rooms.has(user, room) or left_at >= end.seq:
            return
        if user in self._pending:
            self._pending[user].next_stays.append(_Stay(room, end.seq, left_at))
        else:
            self.begin(user, room, at_least=end.seq)

    def begin(self, user: Id, room: Id, move: Move | None = None, at_least: int = 0) -> "Deferred[None]":
        """Begin to ``arrive``. The result comes at the end, whatever comes of it."""
        return Deferred.fromCoroutine(self.arrive(user, room, move, at_least)).addErrback(
            lambda failure: self._log.failure("a user did not arrive in a room", failure)
        )

    async def arrive_first(self, user: Id, room: Id) -> None:
        waited: Deferred[None] = Deferred()
        self.begin(user, room).addBoth(lambda _: None if waited.called else waited.callback(None))
        await waited.addTimeout(WAITED_FOR, self._reactor, lambda *_: None)

    async def heard(self, user: Id, place: int) -> None:
        """Wait until the connections of a user know of the entering at this place, word of which may be on its way, or
        not longer than WAITED_FOR.
        """
        for _ in range(int(WAITED_FOR / LOOK)):
            if self._local_rooms.known_place(user) >= place or not self._local_rooms.has_positioned_connection(user):
                return
            await deferLater(self._reactor, LOOK)

    async def settled(self, user: Id) -> None:
        """Wait until the user arrives nowhere."""
        while user in self._pending:
            waiter: Deferred[None] = Deferred()
            self._pending[user].waiters.append(waiter)
            await waiter

    @property
    def pending(self) -> int:
        """How many arrivals are under way."""
        return len(self._pending)

    def is_pending(self, user: Id) -> bool:
        """Whether the user is arriving in a room."""
        return user in self._pending

    async def arrive(self, user: Id, room: Id, move: Move | None = None, at_least: int = 0) -> None:
        """Let a user's connections receive the events of a room, and all since the user entered it, by ``move`` if that
        is known. The room has ``at_least`` so many entries.

        Returns when they do. Does nothing for a user without connections.
        """
        await self.settled(user)
        local_rooms = self._local_rooms
        if local_rooms.has(user, room) or not local_rooms.connections_of(user):
            return
        if move is not None and local_rooms.is_over(user, room, move.seq, move.order):
            return
        entering = None if move is None else _Entering(move.seq, move.order)
        gate = Gate(lambda: local_rooms.ungated_connections_of(user))
        arrival = _Arrival(
            user=user,
            room=room,
            gate=gate,
            entering=entering,
            known_place=local_rooms.known_place(user),
            left_at=local_rooms.left_at(user, room),
            is_joined=any(connection.awaits_position for connection in self._by_user[user]),
            at_least=at_least,
        )
        self._pending[user] = arrival
        local_rooms.close_gate(user, gate)
        local_rooms.add(user, room)
        try:
            known: dict[Id | None, int] = {room: await self._catch_up(arrival)}
            while arrival.next_stays:
                arrival.turn_to(arrival.next_stays.popleft(), local_rooms.known_place(user))
                local_rooms.add(user, arrival.room)
                known[arrival.room] = await self._catch_up(arrival)
            gate.open(lambda event: event.seq > known.get(event.stream, -1))
        except Exception:
            gate.close(CloseCode.TRY_AGAIN_LATER, "an internal error")
            raise
        finally:
            local_rooms.open_gate(user)
            del self._pending[user]
            for each in arrival.waiters:
                each.callback(None)

    async def _catch_up(self, arrival: _Arrival) -> int:
        """Send what the user has missed in the room. Returns the seq up to which nothing is missed."""
        await self._following.confirmed(arrival.room)
        await self._broadcast.caught_up()
        for _ in range(ATTEMPTS):
            if arrival.user not in self._by_user:
                return NOTHING_MORE
            try:
                return await self._send_missed(arrival)
            except RoomNotFound:
                self._local_rooms.remove(arrival.user, arrival.room)
                return NOTHING_MORE
            except Unavailable:
                await deferLater(self._reactor, 1.0)
        arrival.gate.close(CloseCode.TRY_AGAIN_LATER, "the database is away")
        return NOTHING_MORE

    async def _send_missed(self, arrival: _Arrival) -> int:
        user, room = arrival.user, arrival.room
        upto = await self._rooms.position(room, arrival.at_least)
        if arrival.entering is not None and arrival.entering.seq > upto:
            return upto  # their entering is still on its way here
        is_inside = user in (await self._rooms.get(room)).users
        if not is_inside:
            self._local_rooms.remove(user, room, upto)
        if arrival.entering is None:
            arrival.entering = await self._find_entering(arrival, upto)
        if arrival.entering is None:
            if is_inside:
                arrival.gate.close(CloseCode.TRY_AGAIN_LATER, "too many events were missed")
        elif (is_inside or arrival.has_missed(arrival.entering)) and await self._send_since(
            arrival, arrival.entering, upto
        ):
            return upto
        return max(upto, self._local_rooms.left_at(user, room))

    async def _send_since(self, arrival: _Arrival, entering: _Entering, upto: int) -> bool:
        """Send the events since an entering. False where a new connection of the user knows that this stay is over."""
        user, room = arrival.user, arrival.room

        def is_over() -> bool:
            # Others have missed it, whatever the one knows that is bound meanwhile: it passes on what is not over.
            is_for_one = arrival.is_joined and not self._local_rooms.has_positioned_connection(user)
            return is_for_one and (
                not self._local_rooms.has(user, room)
                or self._local_rooms.is_over(user, room, entering.seq, entering.place)
            )

        async def send(events: Iterable[EncodedEvent]) -> bool:
            if is_over():
                return False
            self._local_rooms.entered(user, entering.place)
            for event in events:
                for connection in self._local_rooms.ungated_connections_of(user):
                    connection.send(event)
                arrival.sent = event.seq
            return user in self._by_user

        have, until = (Position(n=None, room=room, seq=each) for each in (max(entering.seq - 1, arrival.sent), upto))
        if await self._replay.replay(user, have, until, send):
            return True
        if is_over():
            return False
        arrival.gate.close(CloseCode.TRY_AGAIN_LATER, "too many events were missed")
        return True

    async def _find_entering(self, arrival: _Arrival, upto: int) -> _Entering | None:
        """The first entry by which the user entered the room and which their connections have missed; None where they
        entered long ago.
        """
        for limit in LOOKED_BACK:
            entries = await self._rooms.entries(arrival.room, max(arrival.left_at, upto - limit), limit)
            enterings = [
                _Entering(entry.seq, entry.place)
                for entry in entries
                if entry.kind is Kind.NEW_ROOMMATE and entry.author == arrival.user
            ]
            for entering in enterings[:-1]:
                if arrival.has_missed(entering):
                    return entering
            if enterings:
                return enterings[-1]
        return None
