"""Arrivals: a user with connections here enters a room through another daemon.

This daemon may not have followed the room yet, so it has missed what happened since. The user's connections receive it
as a reconnecting client does: first the events since their entering, then those that were held back meanwhile.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.errors import RoomNotFound, Unavailable
from justchat.hub.following import Following
from justchat.hub.gate import Gate
from justchat.hub.local_rooms import LocalRooms
from justchat.hub.registry import Registry
from justchat.interfaces.packets import Move
from justchat.interfaces.realtime import IReplay
from justchat.interfaces.rooms import IRooms
from justchat.model.entry import Kind
from justchat.model.ids import Id
from justchat.model.moment import Clock, Moment
from justchat.protocol.close_codes import CloseCode
from justchat.protocol.encoded_events import EncodedEvent
from justchat.protocol.events import Position

ATTEMPTS = 30
"""Attempts to read what was missed, one second apart. Then the user's connections are closed, to come back later."""
NOTHING_MORE = 1 << 62
"""No event has such a seq."""
SKEW = timedelta(seconds=0.25)
"""Clocks of daemons may differ by this much."""
LOOKED_BACK = (100, 1000)
"""Entries in which the user's entering is looked for, where its seq is not known."""


class Arrivals:
    """Carries out arrivals, one at a time of each user in each room."""

    _log = Logger()

    def __init__(
        self,
        *,
        registry: Registry,
        local_rooms: LocalRooms,
        following: Following,
        rooms: IRooms,
        replay: IReplay,
        clock: Clock,
        reactor: Any,
    ) -> None:
        self._by_user = registry.by_user
        self._local_rooms = local_rooms
        self._following = following
        self._rooms = rooms
        self._replay = replay
        self._clock = clock
        self._reactor = reactor
        self._changed_at: dict[Id, Moment] = {}
        """By local user, when a connection came or went."""
        registry.subscribe_change(self._on_change)
        self._pending: dict[tuple[Id, Id], list[Deferred[None]]] = {}

    def _on_change(self, user: Id) -> None:
        if user in self._by_user:
            self._changed_at[user] = self._clock()
        else:
            self._changed_at.pop(user, None)

    def on_moved(self, move: Move) -> None:
        """A user has entered a room through another daemon."""
        self.begin(move.user, move.room, move)

    def begin(self, user: Id, room: Id, move: Move | None = None) -> None:
        """Begin to ``arrive``; nobody waits for the end."""
        Deferred.fromCoroutine(self.arrive(user, room, move)).addErrback(
            lambda failure: self._log.failure("a user did not arrive in a room", failure)
        )

    def is_pending(self, user: Id, room: Id) -> bool:
        """Whether the user is arriving in the room."""
        return (user, room) in self._pending

    async def arrive(self, user: Id, room: Id, move: Move | None = None) -> None:
        """Let a user's connections receive the events of a room, and all since the user entered it, by ``move`` if that
        is known.

        Returns when they do. Does nothing for a user without connections.
        """
        pending = self._pending.get((user, room))
        if pending is not None:
            waiter: Deferred[None] = Deferred()
            pending.append(waiter)
            return await waiter
        if self._local_rooms.has(user, room) or not self._local_rooms.connections_of(user):
            return None
        if move is not None and self._local_rooms.is_over(user, room, move.seq, move.order):
            return None
        self._pending[user, room] = []
        gate = Gate(lambda: self._local_rooms.connections_of(user))
        self._local_rooms.close_gate(user, room, gate)
        self._local_rooms.add(user, room)
        try:
            upto = await self._catch_up(user, room, move, gate)
            gate.open(lambda event: event.stream != room or event.seq > upto)
        except Exception:
            gate.close(CloseCode.TRY_AGAIN_LATER, "an internal error")
            raise
        finally:
            self._local_rooms.open_gate(user, room)
            for waiter in self._pending.pop((user, room)):
                waiter.callback(None)

    async def _catch_up(self, user: Id, room: Id, move: Move | None, gate: Gate) -> int:
        """Send what the user has missed in the room. Returns the seq up to which nothing is missed."""
        await self._following.confirmed(room)
        for _ in range(ATTEMPTS):
            if not self._local_rooms.has(user, room):  # they have left the room, or all their connections are closed
                break
            try:
                return await self._send_missed(user, room, move, gate)
            except RoomNotFound:
                self._local_rooms.remove(user, room)
                break
            except Unavailable:
                await deferLater(self._reactor, 1.0)
        else:
            gate.close(CloseCode.TRY_AGAIN_LATER, "the database is away")
        return NOTHING_MORE

    async def _send_missed(self, user: Id, room: Id, move: Move | None, gate: Gate) -> int:
        upto = await self._rooms.position(room)
        if move is not None and move.seq > upto:
            return upto  # their entering is still on its way here
        is_inside = user in (await self._rooms.get(room)).users
        is_over = False
        if is_inside or self._were_all_connected(user, move):
            entering = (move.seq, move.order) if move is not None else await self._entering(user, room, upto)
            if entering is None:
                gate.close(CloseCode.TRY_AGAIN_LATER, "too many events were missed")
            else:
                is_over = not await self._send_since(user, room, entering, upto, gate)
        if is_inside and not is_over:
            return upto
        self._local_rooms.remove(user, room, upto)
        return NOTHING_MORE

    async def _send_since(self, user: Id, room: Id, entering: tuple[int, int], upto: int, gate: Gate) -> bool:
        """Send the events since an entering, which is the seq and the place of its entry.

        False where the user's connections have learned in the meantime that this stay is over.
        """
        seq, place = entering

        def is_over() -> bool:
            return self._local_rooms.is_over(user, room, seq, place)

        async def send(events: Iterable[EncodedEvent]) -> bool:
            if is_over():
                return False
            self._local_rooms.entered(user, place)
            for event in events:
                for connection in self._local_rooms.connections_of(user):
                    connection.send(event)
            return bool(self._local_rooms.connections_of(user))

        have, until = (Position(n=None, room=room, seq=each) for each in (seq - 1, upto))
        if await self._replay.replay(user, have, until, send):
            return True
        if is_over():
            return False
        gate.close(CloseCode.TRY_AGAIN_LATER, "too many events were missed")
        return True

    def _were_all_connected(self, user: Id, move: Move | None) -> bool:
        """Whether all the user's connections are older than this move, so that all of them have missed it."""
        return move is not None and self._are_older(user, move.at)

    def _are_older(self, user: Id, at: Moment) -> bool:
        changed_at = self._changed_at.get(user)
        return changed_at is not None and changed_at < at - SKEW

    async def _entering(self, user: Id, room: Id, upto: int) -> tuple[int, int] | None:
        """Seq and place of the first entry by which a user entered a room and which their connections have missed; None
        where they entered long ago.
        """
        left_at = self._local_rooms.left_at(user, room)
        for limit in LOOKED_BACK:
            entries = await self._rooms.entries(room, max(left_at, upto - limit), limit)
            entered = [entry for entry in entries if entry.kind is Kind.NEW_ROOMMATE and entry.author == user]
            for entry in entered[:-1]:
                if left_at or self._are_older(user, entry.created_at):
                    return entry.seq, entry.place
            if entered:
                return entered[-1].seq, entered[-1].place
        return None
