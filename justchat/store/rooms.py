"""The rooms, in MongoDB: their logs, and a snapshot of each, written behind the log.

The log alone decides what is true. A snapshot saves reading the log from the start: a head is the snapshot with the
log's tail replayed over it.
"""

from collections.abc import Awaitable, Callable, Collection

from attrs import evolve
from bson import ObjectId
from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from justchat.actions.concurrently import all_of
from justchat.errors import Conflict, DatabaseAway, MessageNotFound, RoomNotFound
from justchat.interfaces.bus import IBus
from justchat.interfaces.pause import Pause
from justchat.interfaces.rooms import IRooms, Proposal
from justchat.model.entry import CHANGES_MESSAGE, OPERATOR, Entry, Expired, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import Moment
from justchat.model.room import ListedRoom, Room, RoomSearch
from justchat.model.webhook import WebhookType
from justchat.store.bson import (
    OF_USERS,
    ROOM,
    entry_from_document,
    object_id,
    room_changes,
    room_from_document,
    room_to_document,
)
from justchat.store.coalescer import Coalescer, wait_at_most
from justchat.store.history import History, length
from justchat.store.indexes import BY_ID, LATEST, LOG, NEWEST, ROOMS
from justchat.store.log.beginnings import delete_beginning
from justchat.store.log.log import Log
from justchat.store.log.neighbours import Neighbours
from justchat.store.log.stream_head import StreamHead
from justchat.store.marks import MARK, Marks
from justchat.store.mongo.client import Database, Document
from justchat.store.mongo.sharding import Scatter
from justchat.store.room_lists import RoomLists

SHOWN_WITHIN = 1.0
"""Seconds that a stored change of a room waits for its snapshot, which other daemons' lists of rooms show."""
SNAPSHOT_INTERVAL = 0.5
"""Seconds between two rounds of writing snapshots."""
SAVED_AT_ONCE = 1000
"""Users of a room whose snapshot is written before a change is answered, where other daemons list rooms too. The
snapshot of a larger one takes too long for that.
"""
RECONCILED = 200
"""Entries of one step of a reconciliation."""
RECONCILED_SPAN = 60_000_000
"""Microseconds before the latest entry. What a daemon should have written for older ones, it wrote before it died, and
a dead daemon is noticed within half of this.
"""
MOST_RECONCILED = 5_000
"""Entries that a reconciliation looks at, for rooms whose snapshots a crash left behind."""
TAIL = 1000
"""Messages that a room's log may be ahead of its snapshot, about."""
NOT_MESSAGES = OF_USERS | CHANGES_MESSAGE | {Kind.VOID}

LEAVE_SNAPSHOT_ALONE = (Kind.MESSAGE, Kind.VOID, *CHANGES_MESSAGE)
"""Entries that do not cause a snapshot, since lists of rooms show nothing of them."""


@implementer(IRooms)
class Rooms:
    """See IRooms."""

    _logger = Logger()

    def __init__(
        self,
        database: Database,
        reactor: IReactorTime,
        *,
        shared: bool = True,
        bus: IBus | None = None,
        marks: Marks | None = None,
    ) -> None:
        self._database = database
        self._log: Log[Room] = Log(database, self._load, shared=shared, bus=bus, marks=marks, deletable=True)
        self._marks = marks or Marks()
        self._log.heads.subscribe(self._on_entry)
        self._log.heads.subscribe_own(self._on_own_entry)
        self._shared = shared
        self._reactor = reactor
        self._history = History(database, self._log.reader)
        self._lists = RoomLists(database, reactor)
        self._changed: dict[Id, StreamHead[Room]] = {}
        self._saving = Coalescer(self._save_round)
        self._saver = LoopingCall(self._save)
        self._saver.clock = reactor

    @property
    def log(self) -> Log[Room]:
        """The log, as metrics look at it."""
        return self._log

    def subscribe(self, on_entry: Callable[[Room, Entry], None]) -> None:
        """Call ``on_entry`` with each entry that becomes durable from now on, and with the room just after it."""
        self._log.heads.subscribe(on_entry)

    def subscribe_own(self, on_entry: Callable[[Room, Entry], None]) -> None:
        """The same for the entries that this daemon appends: for what has to follow from an entry once."""
        self._log.heads.subscribe_own(on_entry)

    @property
    def neighbours(self) -> Neighbours[Room] | None:
        """The other daemons that write to the same log; None without a bus."""
        return self._log.neighbours

    def start(self) -> None:
        self._saver.start(SNAPSHOT_INTERVAL, now=False)

    async def stop(self) -> None:
        """Wait for the appends that were taken, and write the last snapshots."""
        settled = await self._log.close()
        if self._saver.running:
            self._saver.stop()
        if settled:
            await self._save()

    async def create(self, room: Room) -> None:
        if not await self._database.insert(
            ROOMS,
            {
                **room_to_document(room, 0),
                "order": self._database.order_clock.next(),
                **self._marks.of(WebhookType.ROOM_NEW),
            },
        ):
            raise Conflict
        self._log.heads.put(StreamHead(room, 0))

    async def get(self, room: Id) -> Room:
        return (await self._head(room)).state

    async def latest(self, room: Id) -> Room:
        return _not_removed(await self._log.heads.latest(room)).state

    async def append(self, room: Id, propose: Proposal) -> tuple[Room, Entry | None]:
        def propose_if_there(state: Room, seq: int) -> Entry | None:
            if state.removed:
                raise RoomNotFound
            entry = propose(state, seq)
            if entry is None or entry.kind is Kind.MESSAGE:
                return entry
            if entry.kind in CHANGES_MESSAGE:
                return _with_gap(entry, state)
            return evolve(entry, order=self._database.order_clock.next())

        state, entry = await self._log.append(room, propose_if_there)
        is_change = entry is not None and entry.kind not in LEAVE_SNAPSHOT_ALONE
        if self._shared and is_change and len(state.users) <= SAVED_AT_ONCE:
            # Another daemon may be asked next, which lists rooms by their snapshots.
            await wait_at_most(SHOWN_WITHIN, self._save(), self._reactor)
        return state, entry

    async def _head(self, room: Id, at_least: int = 0) -> StreamHead[Room]:
        return _not_removed(await self._log.heads.live(room, at_least))

    async def history(self, room: Id, skip: int, limit: int, viewer: Id) -> list[Entry]:
        head = await self._head(room)
        if skip > length(head, viewer):
            head = _not_removed(await self._log.heads.latest(room))
            if skip > length(head, viewer):
                return []
        while True:
            first = max(0, length(head, viewer) + skip) if skip < 0 else skip
            # One more than wanted shows whether the log has more than the head, from which the end was counted.
            entries = await self._history.page(head, first, limit + 1, viewer)
            if skip >= 0 or not entries or entries[-1].seq <= head.seq:
                break
            head = _not_removed(await self._log.heads.latest(room))
        return self._without_removed(room, entries[:limit])

    async def entry(self, room: Id, entry: Id) -> Entry:
        query = {"_id": object_id(entry, MessageNotFound), "stream": object_id(room, RoomNotFound)}
        found = _entry_of_room(await self._database.find_one(LOG, query, hint=BY_ID))
        if found.is_hidden:
            raise MessageNotFound
        return found

    async def position(self, room: Id, at_least: int = 0) -> int:
        return (await self._head(room, at_least)).seq

    async def entries(self, room: Id, after: int, limit: int) -> list[Entry]:
        entries = await self._log.reader.entries(object_id(room, RoomNotFound), after, limit)
        return self._without_removed(room, entries)

    def _without_removed(self, room: Id, entries: list[Entry]) -> list[Entry]:
        """The entries without the words that were removed while they were read."""
        head = self._log.heads.in_memory.get(room)
        removed = {} if head is None else head.state.removed_lately
        return [entry.as_removed(removed) for entry in entries] if removed else entries

    async def enters_next(self, user: Id, room: Id, after: int) -> bool:
        moves = [kind.value for kind in (Kind.NEW_ROOMMATE, Kind.LEAVE, Kind.KICK, Kind.BAN)]
        stream = object_id(room, RoomNotFound)
        found = await self._log.reader.entries(stream, after, 1, user=ObjectId(user), kind={"$in": moves})
        return bool(found) and found[0].kind is Kind.NEW_ROOMMATE

    async def drop(self, message: Entry) -> bool:
        return await self._log.withdrawals.drop(message)

    async def any_entry(self, entry: Id) -> Entry:
        query = {"_id": object_id(entry, MessageNotFound)}
        return _entry_of_room(await self._database.find_one(LOG, query, scatter=Scatter.MESSAGE_ID))

    async def search(self, wanted: RoomSearch, by: Id) -> list[ListedRoom]:
        await self._save()  # a change that was answered before must be found
        return await self._lists.search(wanted, by)

    async def private(self, rooms: Collection[Id]) -> set[Id]:
        # A password that was set just now must count.
        if self._saving.is_running or not self._changed.keys().isdisjoint(rooms):
            await self._save()
        return await self._lists.private(rooms)

    async def count(self, wanted: RoomSearch, by: Id) -> int:
        await self._save()
        return await self._lists.count(wanted, by)

    async def count_of_admin(self, admin: Id, most: int) -> int:
        found = await self._database.find(
            ROOMS, {"admin": ObjectId(admin), "removed": False}, sort=NEWEST, limit=most, fields=["_id"]
        )
        return len(found)

    async def delete(self, room: Id) -> None:
        await self._database.update(ROOMS, {"_id": ObjectId(room)}, {"$set": {"removed": True}})
        # Of a long history, or where the daemon stops before, finish_removals deletes the rest.
        ensureDeferred(self._purge_some(room)).addErrback(self._purged_later, room)

    def _purged_later(self, failure: Failure, room: Id) -> None:
        if failure.check(DatabaseAway):
            self._logger.warn("room {room} will be deleted later: {error}", room=room, error=failure.value)
        else:
            self._logger.failure("room {room} will be deleted later", failure, room=room)

    async def _purge_some(self, room: Id) -> bool:
        """Delete some of the history of a removed room, and the room after the last of it. Returns whether to go on."""
        stream = ObjectId(room)
        if await delete_beginning(self._database, stream):
            return True
        if await self._database.find_one(LOG, {"stream": stream}, fields=["_id"]) is None:
            await self._database.delete_and_get(ROOMS, {"_id": ObjectId(room), MARK: None})
        return False

    async def finish_removals(self, pause: Pause) -> None:
        for document in await self._database.find(ROOMS, {"removed": True}, limit=100, fields=["_id"]):
            while await self._purge_some(Id(str(document["_id"]))):
                await pause()
            await pause()

    async def reconcile(self) -> list[Entry]:
        latest: list[Document] = []
        while len(latest) < MOST_RECONCILED:
            step = await self._latest_changes(len(latest))
            latest += step
            if len(step) < RECONCILED or _order(step[-1]) < _order(latest[0]) - RECONCILED_SPAN:
                break
        entries = [entry_from_document(document) for document in latest]
        for entry in entries:
            if entry.voids == entry.seq:
                self._log.withdrawals.announce(entry)
        return entries

    async def _latest_changes(self, skip: int) -> list[Document]:
        """Some of the latest entries that changed a room. The snapshots of their rooms are written."""
        changes = await self._database.find(
            LOG, {"changes": True}, sort=LATEST, skip=skip, limit=RECONCILED, scatter=Scatter.LATEST_OF_ALL
        )
        streams = {Id(str(document["stream"])) for document in changes}
        for head in await all_of(self._latest_head(stream) for stream in streams):
            if head is not None:
                self._changed[head.state.id] = head
        await self._save()
        return changes

    async def _latest_head(self, room: Id) -> StreamHead[Room] | None:
        try:
            return await self._log.heads.latest(room)
        except RoomNotFound:
            return None

    async def _load(self, room: Id) -> StreamHead[Room]:
        document = await self._database.find_one(ROOMS, {"_id": object_id(room, RoomNotFound)}, ROOM)
        if document is None or document["removed"]:  # of its log nothing may be left
            raise RoomNotFound
        state, seq = room_from_document(document)
        while tail := await self._log.reader.entries(ObjectId(room), seq, TAIL):
            if tail[0].seq > seq + 1 and await self._has_later_snapshot(room, seq):
                return await self._load(room)  # what was in between has expired since the snapshot was read
            for entry in tail:
                state, seq = state.after(entry), entry.seq
        return StreamHead(state, seq)

    async def _has_later_snapshot(self, room: Id, seq: int) -> bool:
        later = {"_id": ObjectId(room), "seq": {"$gt": seq}}
        return await self._database.find_one(ROOMS, later, ["_id"]) is not None

    async def expire(self, room: Id, at: Moment, find: Callable[[Room, int], Awaitable[Expired | None]]) -> Expired:
        """Let the history begin behind what ``find`` finds, in the room at its head. Returns what is gone by now, and
        in no snapshot any more. Raises RoomNotFound, DatabaseAway.
        """
        head = _not_removed(await self._log.heads.latest(room))
        found = await find(head.state, head.seq)

        def propose(state: Room, seq: int) -> Entry | None:
            if found is None or found.upto <= state.expired.upto:
                return None
            return Entry(
                id=new_id(),
                stream=room,
                seq=seq,
                kind=Kind.EXPIRY,
                author=OPERATOR,
                created_at=at,
                expired=found,
            )

        await self.append(room, propose)
        head = await self._log.heads.latest(room)
        if head.state.expired.upto:
            await self._save_one(head)
        return head.state.expired

    def _on_entry(self, room: Room, entry: Entry) -> None:
        self._database.order_clock.observe(entry.order)  # it may be another daemon's

    def _on_own_entry(self, room: Room, entry: Entry) -> None:
        if entry.kind not in LEAVE_SNAPSHOT_ALONE or room.id in self._changed or entry.seq % TAIL == 0:
            self._changed[room.id] = StreamHead(room, entry.seq)

    async def _save(self) -> None:
        """Write the snapshots of rooms that have changed. One round at a time; a write that fails is repeated in the
        next.
        """
        if self._changed or self._saving.is_running:
            await self._saving.run()

    async def _save_round(self) -> None:
        changed, self._changed = self._changed, {}
        writes = [(head, ensureDeferred(self._save_one(head))) for head in changed.values()]
        for head, write in writes:
            try:
                await write
            except DatabaseAway:
                self._changed.setdefault(head.state.id, head)
            except Exception:
                self._logger.failure("the snapshot of room {room} was not written", room=head.state.id)

    async def _save_one(self, head: StreamHead[Room]) -> None:
        # Only forward: another daemon may have written a later one.
        await self._database.update(
            ROOMS,
            {"_id": ObjectId(head.state.id), "seq": {"$lt": head.seq}},
            {"$set": room_changes(head.state, head.seq)},
        )


def _with_gap(entry: Entry, room: Room) -> Entry:
    """The change of a message, with the number of places before it if it is the first after another entry."""
    gap = entry.seq - room.message_changes - 1
    return entry if gap == room.latest_gap else evolve(entry, gap=gap)


def _order(document: Document) -> int:
    """The place of an entry in the order of arrival; those of early releases come first."""
    return document.get("order") or 0


def _entry_of_room(document: Document | None) -> Entry:
    """Raises MessageNotFound for None, and for an entry that is no message of a room."""
    if document is None or document["kind"] in NOT_MESSAGES:
        raise MessageNotFound
    return entry_from_document(document)


def _not_removed(head: StreamHead[Room]) -> StreamHead[Room]:
    if head.state.removed:
        raise RoomNotFound
    return head
