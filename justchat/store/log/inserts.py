"""Inserts: how the entries of a batch are stored, and what the unique indexes refuse.

Invariant: an entry is stored only after all entries of its stream before it in the batch. A refusal fells the rest of
its own stream alone.

Streams with one entry go together in one unordered insert. Streams with several go together in one ordered insert,
since 6 and 7 must not be stored where 5 is refused: they were checked against a state that never existed. A refusal
ends that insert. Then the first entries of the streams that are left go unordered, and so on.
"""

from collections.abc import Sequence
from typing import Generic

from attrs import field, frozen
from twisted.internet.defer import ensureDeferred

from justchat.errors import DatabaseAway
from justchat.model.ids import Id
from justchat.store.indexes import LOG
from justchat.store.log.append import Append
from justchat.store.log.stream_head import S
from justchat.store.mongo.client import Database


@frozen
class Refusal(Generic[S]):
    """The first append of its stream whose entry an index refused."""

    append: Append[S]
    is_id_stored: bool
    """The log has its id already. Else another daemon has taken its seq."""


@frozen
class Stored(Generic[S]):
    """What became of a batch: all is stored but this, and what follows it in its stream."""

    refused: dict[Id, Refusal[S]] = field(factory=dict)
    in_doubt: set[Id] = field(factory=set)
    """Streams of which nobody knows what is stored."""


class Inserts(Generic[S]):
    """Stores the entries of batches."""

    def __init__(self, database: Database, *, shared: bool) -> None:
        self._database = database
        self._is_shared = shared

    async def store(self, writes: Sequence[Append[S]]) -> Stored[S]:
        """Insert the entries of these appends. The first inserts are sent before this awaits anything."""
        stored: Stored[S] = Stored()
        left: dict[Id, list[Append[S]]] = {}
        for append in writes:
            left.setdefault(append.stream, []).append(append)
        first_only = False
        while left:
            parts = [([entries[0] for entries in left.values()], False)] if first_only else self._parts(left)
            for inserting in [ensureDeferred(self._insert(part, ordered, left, stored)) for part, ordered in parts]:
                await inserting
            # What is left after the first inserts was behind a refusal.
            first_only = not first_only
        return stored

    def _parts(self, left: dict[Id, list[Append[S]]]) -> list[tuple[list[Append[S]], bool]]:
        """The entries that are left as inserts, each with whether it is ordered."""
        single = [entries[0] for entries in left.values() if len(entries) == 1]
        if len(single) == len(left):
            return [(single, False)]
        if not self._is_shared:
            # Hardly anything is refused, and one insert costs less than two.
            return [([append for entries in left.values() for append in entries], True)]
        several = [append for entries in left.values() if len(entries) > 1 for append in entries]
        return [(single, False), (several, True)] if single else [(several, True)]

    async def _insert(
        self, part: list[Append[S]], ordered: bool, left: dict[Id, list[Append[S]]], stored: Stored[S]
    ) -> None:
        """Insert a part, and remove from ``left`` what has its outcome."""
        try:
            refused = await self._database.insert_many(LOG, [append.document for append in part], ordered=ordered)
        except DatabaseAway:
            for append in part:
                left.pop(append.stream, None)
                stored.in_doubt.add(append.stream)
            return
        fallen = dict(refused)
        done = part[: refused[0][0]] if refused and ordered else [a for n, a in enumerate(part) if n not in fallen]
        for append in done:
            entries = left[append.stream]
            entries.remove(append)  # the first
            if not entries:
                del left[append.stream]
        for index, key in fallen.items():
            append = part[index]
            del left[append.stream]
            stored.refused[append.stream] = Refusal(append, "_id" in key)
