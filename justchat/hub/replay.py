"""Replay: a client that comes back hears what it missed, from the logs, before anything new."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta

from twisted.internet.defer import DeferredSemaphore, ensureDeferred
from zope.interface import implementer

from justchat.errors import RoomNotFound
from justchat.events import Event, Frame, Position, of_entry, of_mailbox
from justchat.interfaces import IMailboxes, IReplay, IRooms, IUsers
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.moment import Clock

AT_ONCE = 8
"""Those who come that are looked up, or read for, at the same time; the others wait, so that many who come back
together do not starve the rest.
"""
FRAMES_KEPT = 4096
"""Those who come back together have mostly missed the same: it is encoded once."""


@implementer(IReplay)
class Replay:
    """See IReplay. ``events`` and ``age`` bound how far back it goes, for each stream."""

    def __init__(
        self, *, users: IUsers, rooms: IRooms, mailboxes: IMailboxes, clock: Clock, events: int, age: timedelta
    ) -> None:
        self._users = users
        self._rooms = rooms
        self._mailboxes = mailboxes
        self._clock = clock
        self._events = events
        self._age = age
        self._turns = DeferredSemaphore(AT_ONCE)
        self._frames: OrderedDict[Id, Frame] = OrderedDict()

    async def position(self, user: Id) -> Position:
        at: Position = await self._turns.run(lambda: ensureDeferred(self._position(user)))
        return at

    async def _position(self, user: Id) -> Position:
        room = await self._users.place(user)
        n = await self._mailboxes.head(user)
        if room is not None:
            try:
                if user in (await self._rooms.get(room)).users:
                    return Position(n=n, room=room, seq=await self._rooms.position(room))
            except RoomNotFound:
                pass
        return Position(n=n, room=None, seq=None)

    async def replay(self, user: Id, have: Position, upto: Position, send: Callable[[Frame], None]) -> bool:
        recovered: bool = await self._turns.run(lambda: ensureDeferred(self._replay(user, have, upto, send)))
        return recovered

    async def _replay(self, user: Id, have: Position, upto: Position, send: Callable[[Frame], None]) -> bool:
        if have.room != upto.room and not (have.room is None and have.seq is None):
            return False
        own = await self._missed(have.n, upto.n, lambda after, limit: self._mailboxes.entries(user, after, limit))
        room_id = upto.room if have.room is not None else None
        of_room: list[Entry] | None = []
        if room_id is not None:
            of_room = await self._missed(
                have.seq, upto.seq, lambda after, limit: self._rooms.entries(room_id, after, limit)
            )
        if own is None or of_room is None:
            return False
        for entry in own:
            self._send(entry, of_mailbox, send)
        for entry in _heard_inside(user, of_room):
            self._send(entry, of_entry, send)
        return True

    async def _missed(
        self, after: int | None, upto: int | None, read: Callable[[int, int], object]
    ) -> list[Entry] | None:
        """The entries after one up to another; None where they are too many, too old, or not there yet."""
        if after is None or upto is None:
            return []
        if after > upto or upto - after > self._events:
            return None
        if after == upto:
            return []
        entries: list[Entry] = await read(after, upto - after)  # type: ignore[misc]
        if entries and self._clock() - entries[0].create_at > self._age:
            return None
        return entries

    def _send(self, entry: Entry, tell: Callable[[Entry], Event | None], send: Callable[[Frame], None]) -> None:
        frame = self._frames.get(entry.id)
        if frame is None:
            event = tell(entry)
            if event is None:
                return
            frame = self._frames[entry.id] = Frame(event.to_json(), entry.stream, entry.seq)
            if len(self._frames) > FRAMES_KEPT:
                self._frames.popitem(last=False)
        send(frame)


def _heard_inside(user: Id, entries: list[Entry]) -> list[Entry]:
    """What of a room's entries its sockets would have told one who was out of it for a part of them."""
    moves = [entry.kind for entry in entries if entry.user == user and entry.kind in (Kind.NEW_ROOMMATE, *_OUT)]
    inside = not (moves and moves[0] is Kind.NEW_ROOMMATE)
    heard = []
    for entry in entries:
        if entry.user == user and entry.kind is Kind.NEW_ROOMMATE:
            inside = True
        elif entry.user == user and entry.kind in _OUT:
            inside = False  # of which their own stream tells
        if inside:
            heard.append(entry)
    return heard


_OUT = (Kind.LEAVE, Kind.KICK, Kind.BAN)
