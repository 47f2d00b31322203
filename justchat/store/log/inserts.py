"""Inserts: how the entries of a batch are stored, and what the unique indexes refuse.

Invariant: an entry is stored only after all entries of its stream before it in the batch. A refusal fails the rest of
its own stream alone.

Streams with one entry go together in one unordered insert. Streams with several go together in one ordered insert,
since 6 and 7 must not be stored where 5 is refused: they were checked against a state that never existed. A refusal
ends that insert. Then the first entries of the streams that are left go unordered, and so on.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Generic

from attrs import define, field, frozen
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


@define
class Stored(Generic[S]):
    """What became of a batch: all is stored but this, and what follows it in its stream."""

    refused: dict[Id, Refusal[S]] = field(factory=dict)
    in_doubt: set[Id] = field(factory=set)
    """Streams of which nobody knows what is stored."""

    def without_ended(self, writes: Sequence[Append[S]]) -> list[Append[S]]:
        """Those of the appends whose streams are neither refused nor in doubt."""
        return [append for append in writes if append.stream not in self.refused and append.stream not in self.in_doubt]


class Inserts(Generic[S]):
    """Stores the entries of batches. ``shared``: other daemons may append to the same streams."""

    def __init__(self, database: Database, *, shared: bool) -> None:
        self._database = database
        self._is_shared = shared

    async def store(self, writes: Sequence[Append[S]]) -> Stored[S]:
        """Insert the entries of these appends. The first inserts are sent before this awaits anything."""
        stored: Stored[S] = Stored()
        if self._is_shared:
            left = await self._insert_divided(writes, stored)
        else:
            # Hardly anything is refused, and one insert costs less than two.
            left = await self._insert(writes, True, stored)
        while left:
            first = {append.stream: append for append in reversed(left)}
            await self._insert(list(first.values()), False, stored)
            rest = [append for append in left if first[append.stream] is not append]
            left = await self._insert_divided(stored.without_ended(rest), stored)
        return stored

    async def _insert_divided(self, writes: Sequence[Append[S]], stored: Stored[S]) -> list[Append[S]]:
        """Insert streams with one entry without an order, and streams with several in order.

        Returns what was not tried, since it was behind a refusal.
        """
        if len({append.stream for append in writes}) == len(writes):
            return await self._insert(writes, False, stored) if writes else []
        counts = Counter(append.stream for append in writes)
        single = [append for append in writes if counts[append.stream] == 1]
        several = [append for append in writes if counts[append.stream] > 1]
        parts = [(part, ordered) for part, ordered in ((single, False), (several, True)) if part]
        inserting = [ensureDeferred(self._insert(part, ordered, stored)) for part, ordered in parts]
        return [append for each in inserting for append in await each]

    async def _insert(self, part: Sequence[Append[S]], ordered: bool, stored: Stored[S]) -> list[Append[S]]:
        try:
            refused = await self._database.insert_many(LOG, [append.document for append in part], ordered=ordered)
        except DatabaseAway:
            stored.in_doubt.update(append.stream for append in part)
            return []
        for index, key in refused:
            append = part[index]
            stored.refused[append.stream] = Refusal(append, "_id" in key)
        return stored.without_ended(part[refused[0][0] + 1 :]) if refused and ordered else []
