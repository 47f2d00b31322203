"""The history of a room, by position: its messages, without void entries and without changes of messages.

Messages do not store their position, since that would cost an index. A *place* counts a room's entries but changes of
messages. Of consecutive changes the first one stores its ``gap``, the number of places before it. So a change at a
``seq`` with a gap has ``seq - gap - 1`` changes before it, and one look into the index by ``gap`` turns a place into a
``seq``, however many changes there are. Void entries and held messages have places; they are few, and the room knows
the seqs of all.
"""

from bisect import bisect_right
from collections.abc import Sequence

from bson import ObjectId

from justchat.model.entry import CHANGES_MESSAGE, Entry, Kind
from justchat.model.ids import Id
from justchat.model.room import Room
from justchat.store.indexes import GAPS, LOG
from justchat.store.log.reader import LogReader
from justchat.store.log.stream_head import StreamHead
from justchat.store.mongo.client import Database, Document

READ_OVER = 200
"""Changes of messages that a page reads and drops. Above that it names the seqs that it wants."""
HISTORY = {"$nin": [Kind.VOID.value, *(kind.value for kind in CHANGES_MESSAGE)]}
"""The kinds of the history."""


def length(head: StreamHead[Room], viewer: Id) -> int:
    """How many messages the history has for a viewer, up to the head."""
    room = head.state
    return head.seq - len(room.voids) - len(room.held_from(viewer)) - room.message_changes - room.expired.places


class History:
    """Reads pages. Every method raises DatabaseAway."""

    def __init__(self, database: Database, reader: LogReader) -> None:
        self._database = database
        self._reader = reader

    async def page(self, head: StreamHead[Room], skip: int, limit: int, viewer: Id) -> list[Entry]:
        """At most ``limit`` messages after the first ``skip``, in order, with those that the log has behind the head.

        ``skip`` is not beyond the head.
        """
        room, stream = head.state, ObjectId(head.state.id)
        held = room.held_from(viewer)
        kinds: Document = {"kind": HISTORY, "$nor": [{"seq": {"$in": held}}]} if held else {"kind": HISTORY}
        place = await self._place(room, skip, sorted([*room.voids, *held]) if held else room.voids)
        places = head.seq - room.message_changes
        found: list[Entry] = []
        while len(found) < limit and place < places:
            wanted = limit - len(found)
            seqs = await self._seqs(room, place, min(wanted, places - place))
            place += len(seqs)
            if place == places and head.seq - seqs[0] < len(seqs) + READ_OVER:
                return _of(viewer, head, found + await self._reader.entries(stream, seqs[0] - 1, wanted, **kinds))
            found += await self._between(stream, seqs, kinds)
        if len(found) < limit:
            found += await self._reader.entries(stream, head.seq, limit - len(found), **kinds)
        return _of(viewer, head, found)

    async def _between(self, stream: ObjectId, seqs: Sequence[int], kinds: Document) -> list[Entry]:
        is_close = seqs[-1] - seqs[0] < len(seqs) + READ_OVER
        among = {"$gte": seqs[0], "$lte": seqs[-1]} if is_close else {"$in": seqs}
        return await self._reader.among(stream, among, len(seqs), **kinds)

    async def _place(self, room: Room, skip: int, hidden: Sequence[int]) -> int:
        """How many places are before the message at ``skip``: those that are gone, and of the first ``skip`` messages
        and the ``hidden`` entries among and next to them.
        """
        before = 0
        skip += room.expired.places
        if hidden:
            seqs = await self._seqs(room, skip, len(hidden) + 1)
            while (found := bisect_right(hidden, seqs[before])) > before:
                before = found
        return skip + before

    async def seq_at(self, room: Room, place: int) -> int:
        """The seq of the entry at a place, counted from 1."""
        return (await self._seqs(room, place - 1, 1))[0]

    async def _seqs(self, room: Room, place: int, number: int) -> list[int]:
        """The seqs of the next places after ``place``."""
        first, last = place + 1, place + number
        if room.latest_gap < first:
            return [each + room.message_changes for each in range(first, last + 1)]
        gaps = await self._database.find(
            LOG,
            {"stream": ObjectId(room.id), "gap": {"$gte": first}},
            sort={"stream": 1, "gap": 1},
            limit=number,
            fields={"_id": 0, "gap": 1, "seq": 1},
            hint=GAPS["name"],
        )
        seqs: list[int] = []
        for each in gaps:
            upto = min(each["gap"], last)
            changes = each["seq"] - each["gap"] - 1
            seqs += [change + changes for change in range(first + len(seqs), upto + 1)]
        seqs += [each + room.message_changes for each in range(first + len(seqs), last + 1)]
        return seqs


def _of(viewer: Id, head: StreamHead[Room], entries: list[Entry]) -> list[Entry]:
    """What the viewer may see of entries: those behind the head may be held, too."""
    return [entry for entry in entries if entry.seq <= head.seq or entry.author == viewer or not entry.is_hidden]
