"""Replay: a client that reconnects receives what it missed, from the logs, before anything new."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

from zope.interface import implementer

from justchat.hub.publisher import ended_stay
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.realtime import IReplay
from justchat.interfaces.rooms import IRooms
from justchat.limits.bounded_cache import BoundedCache
from justchat.limits.semaphore import Semaphore
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.moment import Clock, Moment
from justchat.model.room import Room
from justchat.protocol.encoded_events import EncodedEvent
from justchat.protocol.events import Event, Position, event_of_entry, event_of_mailbox_entry, may_hear

PAGE = 64
"""Entries of one read. The next page is read when the client has taken this one."""
EVENTS_KEPT = 4096
"""Encoded events that are cached: clients that reconnect together have mostly missed the same ones."""
REMOVALS_KEPT = 10_000

_T = TypeVar("_T")
Read = Callable[[int, int], Coroutine[Any, Any, list[Entry]]]
Send = Callable[[Iterable[EncodedEvent]], Awaitable[bool]]


@implementer(IReplay)
class Replay:
    """See IReplay. ``events`` and ``age`` bound how far back a replay goes, for each stream.

    ``reads`` bounds the reads that are under way at the same time.
    """

    def __init__(
        self,
        *,
        rooms: IRooms,
        mailboxes: IMailboxes,
        clock: Clock,
        events: int,
        age: timedelta,
        reads: Semaphore,
    ) -> None:
        self._rooms = rooms
        self._mailboxes = mailboxes
        self._clock = clock
        self._most_events = events
        self._age = age
        self._reads = reads
        self._encoded: BoundedCache[Id, tuple[Entry, EncodedEvent]] = BoundedCache(EVENTS_KEPT)
        """With the entry as it was. Its words may have been removed since, at a daemon that does not tell this one."""
        self._removed: BoundedCache[Id, Moment] = BoundedCache(REMOVALS_KEPT)
        """Messages that were removed lately. A page that was read before may wait for its reader."""

    def on_entry(self, room: Room, entry: Entry) -> None:
        """Send no words any more of a message that was removed."""
        if entry.kind is Kind.MESSAGE_REMOVED and entry.message is not None:
            self._removed.put(entry.message, entry.created_at)

    async def replay(self, user: Id, have: Position, upto: Position, send: Send) -> bool:
        if have.room != upto.room and not (have.room is None and have.seq is None):
            return False
        own = _Missed(have.n, upto.n, lambda after, limit: self._mailboxes.entries(user, after, limit))
        room = upto.room if have.room is not None else None
        of_room = _Missed(None, None, None)
        if room is not None:
            of_room = _Missed(have.seq, upto.seq, lambda after, limit: self._rooms.entries(room, after, limit))
        # Nothing is sent until it is known that all of it can be.
        pages = [await self._first_page(missed) for missed in (own, of_room)]
        if pages[0] is None or pages[1] is None:
            return False
        inside = True
        if room is not None and of_room.count:
            inside = not await self._limited(self._rooms.enters_next(user, room, of_room.after))
        came_back = not inside
        left: list[Id] = []

        def encode_own(page: list[Entry]) -> Iterable[EncodedEvent]:
            left.extend(end.stream for end in map(ended_stay, page) if end is not None)
            return self._encode([entry for entry in page if entry.held is None], event_of_mailbox_entry)

        def encode_of_room(page: list[Entry]) -> Iterable[EncodedEvent]:
            nonlocal inside, came_back
            seen, inside = _seen_inside(user, page, inside)
            came_back = came_back or any(entry.user == user and entry.kind is Kind.NEW_ROOMMATE for entry in page)
            return self._encode([entry for entry in seen if may_hear(entry, user)], event_of_entry)

        is_sent = await self._send_pages(own, pages[0], encode_own, send) and await self._send_pages(
            of_room, pages[1], encode_of_room, send
        )
        return is_sent and not (room is not None and came_back and _was_elsewhere(left, room))

    async def _limited(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run ``work`` as one of few. No replay holds one of these while it waits for its reader."""
        return await self._reads.run(lambda: work)

    async def _first_page(self, missed: "_Missed") -> list[Entry] | None:
        """The first missed entries; None if there are too many, if they are too old, or if they do not exist yet."""
        if missed.count < 0 or missed.count > self._most_events:
            return None
        page = await self._page(missed, missed.after)
        if missed.count and (not page or _has_hole(page, missed.after)):
            return None
        if page and self._clock() - page[0].created_at > self._age:
            return None
        return page

    async def _page(self, missed: "_Missed", after: int) -> list[Entry]:
        limit = min(PAGE, missed.after + missed.count - after)
        return await self._limited(missed.read(after, limit)) if limit > 0 and missed.read is not None else []

    async def _send_pages(
        self, missed: "_Missed", page: list[Entry], encode: Callable[[list[Entry]], Iterable[EncodedEvent]], send: Send
    ) -> bool:
        """Send the missed entries from this page on; False if some were removed meanwhile, or the client has left."""
        at = missed.after
        while page:
            if not await send(encode(page)):
                return False
            at = page[-1].seq
            page = await self._page(missed, at)
            if page and _has_hole(page, at):
                return False
        return at == missed.after + missed.count

    def _encode(self, entries: list[Entry], event_of: Callable[[Entry], Event | None]) -> Iterator[EncodedEvent]:
        for entry in entries:
            if entry.is_silent:
                continue  # it may have been a message when it was read before
            shown = entry.as_removed(self._removed) if self._removed else entry
            known = self._encoded.get(entry.id)
            if known is None or known[0] != shown:
                event = event_of(shown)
                assert event is not None, "only SILENT entries have no event"
                known = shown, EncodedEvent.of_entry(event.to_json(), entry)
                self._encoded.put(entry.id, known)
            yield known[1]


class _Missed:
    """The entries of a stream that a client may have missed: the seq they come after, their number, and their reader.

    ``after`` and ``upto`` are None for a stream that the client does not ask for: it has missed nothing there.
    """

    def __init__(self, after: int | None, upto: int | None, read: Read | None) -> None:
        self.after = after or 0
        self.count = 0 if after is None or upto is None else upto - after
        self.read = read


def _was_elsewhere(left: list[Id], room: Id) -> bool:
    """Whether a user who came back to the room was in another one in between, by the rooms they left, in that order.

    What they left before this room may be one whose notice was late: its events were sent.
    """
    between = left[left.index(room) :] if room in left else left
    return any(each != room for each in between)


def _has_hole(page: list[Entry], after: int) -> bool:
    """Whether some entries of a page have expired: at its beginning, or between two that do not expire so soon."""
    return page[-1].seq - after != len(page)


def _seen_inside(user: Id, entries: list[Entry], inside: bool) -> tuple[list[Entry], bool]:
    """The room's entries that were published to the user, who was outside for a part of them.

    ``inside`` says whether the user was in the room before the entries. The second result says it of after them.
    """
    seen = []
    for entry in entries:
        if entry.user == user and entry.kind is Kind.NEW_ROOMMATE:
            inside = True
        elif entry.user == user and entry.kind in _OUT:
            inside = False  # the user's own stream has this entry
        if inside:
            seen.append(entry)
    return seen, inside


_OUT = (Kind.LEAVE, Kind.KICK, Kind.BAN)
