"""Queries of the log that rooms and mailboxes share.

Invariant: entries of a stream come in the order of their seq, void ones too unless a query excludes them. Each query
reads one index.
"""

from collections.abc import Mapping, Sequence

from bson import ObjectId

from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.store.bson import entry_from_document
from justchat.store.indexes import LOG, STREAM_SEQ
from justchat.store.mongo.client import Database


class LogReader:
    """Reads entries. Every method raises DatabaseAway when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self, stream: ObjectId, after: int, limit: int, **conditions: object) -> list[Entry]:
        """At most ``limit`` entries of a stream with a seq greater than ``after``; ``conditions`` are more of the
        query's.
        """
        return await self.among(stream, {"$gt": after}, limit, **conditions)

    async def among(
        self, stream: ObjectId, seqs: Mapping[str, object], limit: int, **conditions: object
    ) -> list[Entry]:
        """The same for seqs that match a condition."""
        documents = await self._database.find(
            LOG, {"stream": stream, "seq": seqs, **conditions}, sort={"stream": 1, "seq": 1}, limit=limit
        )
        return [entry_from_document(document) for document in documents]

    async def tails(self, after: Mapping[Id, int], limit: int) -> list[Entry]:
        """Entries of several streams, each behind its own seq, in the order of each stream.

        At most ``limit`` in all: with as many there may be more.
        """
        if len(after) == 1:
            ((stream, seq),) = after.items()
            return await self.entries(ObjectId(stream), seq, limit)
        documents = await self._database.find(
            LOG,
            {"$or": [{"stream": ObjectId(stream), "seq": {"$gt": seq}} for stream, seq in after.items()]},
            sort={"stream": 1, "seq": 1},
            limit=limit,
        )
        return [entry_from_document(document) for document in documents]

    async def at(self, places: Mapping[Id, Sequence[int]]) -> dict[tuple[Id, int], Entry]:
        """The entries at these seqs of streams, as far as the log has them."""
        documents = await self._database.find(
            LOG,
            {"$or": [{"stream": ObjectId(stream), "seq": {"$in": list(seqs)}} for stream, seqs in places.items()]},
            limit=sum(map(len, places.values())),
        )
        entries = map(entry_from_document, documents)
        return {(entry.stream, entry.seq): entry for entry in entries}

    async def seqs(self, streams: Sequence[Id]) -> dict[Id, int]:
        """The seq of the last entry of each of these streams, as far as they have any. Reads an index alone."""
        rows = await self._database.aggregate(
            LOG,
            [
                {"$match": {"stream": {"$in": [ObjectId(stream) for stream in streams]}}},
                {"$sort": {"stream": -1, "seq": -1}},
                {"$group": {"_id": "$stream", "seq": {"$first": "$seq"}}},
            ],
            hint=STREAM_SEQ["name"],
        )
        return {Id(str(row["_id"])): row["seq"] for row in rows}
