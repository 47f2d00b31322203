"""The position of a user's streams, which a binding begins at."""

from twisted.internet.defer import DeferredSemaphore, ensureDeferred
from zope.interface import implementer

from justchat.errors import RoomNotFound
from justchat.hub.local_rooms import LocalRooms
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.realtime import IPositions
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.model.ids import Id
from justchat.protocol.events import Position


@implementer(IPositions)
class Positions:
    """See IPositions. ``reads`` bounds the reads that are under way at the same time."""

    def __init__(
        self,
        *,
        users: IUsers,
        rooms: IRooms,
        mailboxes: IMailboxes,
        local_rooms: LocalRooms,
        reads: DeferredSemaphore,
    ) -> None:
        self._users = users
        self._rooms = rooms
        self._mailboxes = mailboxes
        self._local_rooms = local_rooms
        self._reads = reads

    async def position(self, user: Id) -> Position:
        at: Position = await self._reads.run(lambda: ensureDeferred(self._position(user)))
        return at

    async def _position(self, user: Id) -> Position:
        n = await self._mailboxes.head(user)
        for room in await self._users.possible_rooms(user):
            # Added first: whatever happens in the room after its position is read must reach the user.
            self._local_rooms.add(user, room)
            seq = await self._seq_inside(user, room)
            if seq is not None:
                return Position(n=n, room=room, seq=seq)
            self._local_rooms.remove(user, room)  # until they enter it
        return Position(n=n, room=None, seq=None)

    async def _seq_inside(self, user: Id, room: Id) -> int | None:
        """The seq of the last entry of a room that the user is in; None where they are not inside."""
        try:
            return await self._rooms.position(room) if user in (await self._rooms.get(room)).users else None
        except RoomNotFound:
            return None
