"""The position of a user's streams, which a binding begins at."""

from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from attrs import evolve
from zope.interface import implementer

from justchat.errors import RoomNotFound
from justchat.hub.arrivals import Arrivals
from justchat.hub.following import Following
from justchat.hub.local_rooms import LocalRooms
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.realtime import IPositions
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.limits.semaphore import Semaphore
from justchat.model.ids import Id
from justchat.protocol.events import Position

_T = TypeVar("_T")


@implementer(IPositions)
class Positions:
    """See IPositions. ``reads`` bounds the reads that are under way at the same time.

    ``following`` and ``arrivals`` are those of a daemon that is joined with others.
    """

    def __init__(
        self,
        *,
        users: IUsers,
        rooms: IRooms,
        mailboxes: IMailboxes,
        local_rooms: LocalRooms,
        reads: Semaphore,
        following: Following | None = None,
        arrivals: Arrivals | None = None,
    ) -> None:
        self._users = users
        self._rooms = rooms
        self._mailboxes = mailboxes
        self._local_rooms = local_rooms
        self._reads = reads
        self._following = following
        self._arrivals = arrivals

    async def position(self, user: Id, have: Position | None = None) -> Position:
        # In this order: whatever happens to the user, or in the room, after its position is read must reach the user.
        if self._following is not None:
            await self._following.confirmed(user)
        n, (possible, entered) = await self._limited(self._begin(user, have))
        if self._arrivals is not None and not possible:
            await self._arrivals.heard(user, entered)  # else their other connections would miss a stay that is over
        self._local_rooms.entered(user, entered)
        # One in which other connections of theirs are already, too: a move that is not settled may not name it.
        rooms = dict.fromkeys((*possible, *self._local_rooms.rooms_of(user)))
        position = evolve(await self._in_room(user, n, rooms, have), entered=entered)
        self._local_rooms.positioned(user, position)
        if self._arrivals is not None:
            await self._arrivals.settled(user)  # what it holds back may be older than this position
        return position

    async def _in_room(self, user: Id, n: int, rooms: Iterable[Id], have: Position | None) -> Position:
        """The position in the first of these rooms that the user is in."""
        for room in rooms:
            await self._add(user, room)
            seq = await self._limited(self._seq_inside(user, room, have))
            if seq is not None:
                return Position(n=n, room=room, seq=seq)
            self._local_rooms.remove(user, room)  # until they enter it
        return Position(n=n, room=None, seq=None)

    async def _begin(self, user: Id, have: Position | None) -> tuple[int, tuple[list[Id], int]]:
        # The user's own position first: a kick after that is in the user's own stream.
        return await self._mailboxes.head(user, (have and have.n) or 0), await self._users.possible_rooms(user)

    async def _limited(self, work: Coroutine[Any, Any, _T]) -> _T:
        return await self._reads.run(lambda: work)

    async def _add(self, user: Id, room: Id) -> None:
        """Make the user a local user of a room."""
        if self._arrivals is not None and (
            # Their other connections must not miss what happened since they entered it.
            self._local_rooms.has_positioned_connection(user) or self._arrivals.is_pending(user)
        ):
            await self._arrivals.arrive(user, room)
        self._local_rooms.add(user, room)
        if self._following is not None:
            await self._following.confirmed(room)

    async def _seq_inside(self, user: Id, room: Id, have: Position | None) -> int | None:
        """The seq of the last entry of a room that the user is in; None where they are not inside."""
        try:
            seq = await self._rooms.position(room)
            # From the log: a notice of their leaving may have come before n, and the leaving itself not yet.
            if user not in (await self._rooms.latest(room)).users:
                self._local_rooms.left(user, room, seq)
                return None
            return await self._rooms.position(room, (have and have.room == room and have.seq) or 0)
        except RoomNotFound:
            return None
