"""Replay: a client that comes back hears what it missed, from the logs, before anything new."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from twisted.internet.defer import DeferredSemaphore, ensureDeferred
from zope.interface import implementer

from justchat.actions.presence import current_room
from justchat.errors import RoomNotFound
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.realtime import IReplay
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.moment import Clock
from justchat.protocol.encoded_events import EncodedEvent
from justchat.protocol.events import Event, Position, of_entry, of_mailbox

AT_ONCE = 8
"""Those who come that are looked up, or read for, at the same time; the others wait, so that many who come back
together do not starve the rest.
"""
PAGE = 64
"""Entries that are read at once; more are read when the reader has taken these."""
FRAMES_KEPT = 4096
"""Those who come back together have mostly missed the same: it is encoded once."""

T = TypeVar("T")
Read = Callable[[int, int], Coroutine[Any, Any, list[Entry]]]
Send = Callable[[Iterable[EncodedEvent]], Awaitable[bool]]


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
        self._frames: OrderedDict[Id, EncodedEvent] = OrderedDict()

    async def position(self, user: Id) -> Position:
        at: Position = await self._turns.run(lambda: ensureDeferred(self._position(user)))
        return at

    async def _position(self, user: Id) -> Position:
        n = await self._mailboxes.head(user)
        room = await current_room(user, self._users, self._rooms)
        if room is not None:
            with suppress(RoomNotFound):  # it was removed in between
                return Position(n=n, room=room, seq=await self._rooms.position(room))
        return Position(n=n, room=None, seq=None)

    async def replay(self, user: Id, have: Position, upto: Position, send: Send) -> bool:
        if have.room != upto.room and not (have.room is None and have.seq is None):
            return False
        own = _Missed(have.n, upto.n, lambda after, limit: self._mailboxes.entries(user, after, limit))
        room = upto.room if have.room is not None else None
        of_room = _Missed(None, None, None)
        if room is not None:
            of_room = _Missed(have.seq, upto.seq, lambda after, limit: self._rooms.entries(room, after, limit))
        # Before anything is told it is known whether all of it can be.
        pages = [await self._first_page(missed) for missed in (own, of_room)]
        if pages[0] is None or pages[1] is None:
            return False
        inside = True
        if room is not None and of_room.count:
            inside = not await self._turn(self._rooms.enters_next(user, room, of_room.after))

        def all_of_them(page: list[Entry]) -> Iterable[EncodedEvent]:
            return self._frames_of(page, of_mailbox)

        def heard_inside(page: list[Entry]) -> Iterable[EncodedEvent]:
            nonlocal inside
            heard, inside = _heard_inside(user, page, inside)
            return self._frames_of(heard, of_entry)

        return await self._tell(own, pages[0], all_of_them, send) and await self._tell(
            of_room, pages[1], heard_inside, send
        )

    async def _turn(self, work: Coroutine[Any, Any, T]) -> T:
        """Done when it is its turn. Nobody has one while their reader is waited for."""
        done: T = await self._turns.run(lambda: ensureDeferred(work))
        return done

    async def _first_page(self, missed: "_Missed") -> list[Entry] | None:
        """The first entries that were missed; None where they are too many, too old, or not there yet."""
        if missed.count < 0 or missed.count > self._events:
            return None
        page = await self._page(missed, missed.after)
        if page and self._clock() - page[0].created_at > self._age:
            return None
        return page

    async def _page(self, missed: "_Missed", after: int) -> list[Entry]:
        limit = min(PAGE, missed.after + missed.count - after)
        return await self._turn(missed.read(after, limit)) if limit > 0 and missed.read is not None else []

    async def _tell(
        self, missed: "_Missed", page: list[Entry], told: Callable[[list[Entry]], Iterable[EncodedEvent]], send: Send
    ) -> bool:
        """Send what was missed, from this page on; False where some of it is there no more, or nobody listens."""
        at = missed.after
        while page:
            if not await send(told(page)):
                return False
            at = page[-1].seq
            page = await self._page(missed, at)
        return at == missed.after + missed.count

    def _frames_of(self, entries: list[Entry], event_of: Callable[[Entry], Event | None]) -> Iterator[EncodedEvent]:
        for entry in entries:
            frame = self._frames.get(entry.id)
            if frame is None:
                event = event_of(entry)
                if event is None:
                    continue
                frame = self._frames[entry.id] = EncodedEvent(event.to_json(), entry.stream, entry.seq)
                if len(self._frames) > FRAMES_KEPT:
                    self._frames.popitem(last=False)
            yield frame


class _Missed:
    """The entries of a stream that a client may have missed: how many after which one, and how they are read."""

    def __init__(self, after: int | None, upto: int | None, read: Read | None) -> None:
        self.after = after or 0
        self.count = 0 if after is None or upto is None else upto - after
        self.read = read


def _heard_inside(user: Id, entries: list[Entry], inside: bool) -> tuple[list[Entry], bool]:
    """What of a room's entries its sockets would have told one who was out of it for a part of them.

    ``inside`` is whether they were in the room before, and in the result whether they are afterwards.
    """
    heard = []
    for entry in entries:
        if entry.user == user and entry.kind is Kind.NEW_ROOMMATE:
            inside = True
        elif entry.user == user and entry.kind in _OUT:
            inside = False  # of which their own stream tells
        if inside:
            heard.append(entry)
    return heard, inside


_OUT = (Kind.LEAVE, Kind.KICK, Kind.BAN)
