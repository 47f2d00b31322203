"""The client of MongoDB: the commands that the stores send, each as an OP_MSG on a connection of txmongo's pool.

Invariant: a write has returned when it is in the journal of a majority. An operation ends within its timeout. Whatever
leaves its outcome open raises DatabaseAway.
"""

import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from bson import Int64, decode, encode
from pymongo.errors import BulkWriteError, DuplicateKeyError

from justchat.model.moment import Moment
from justchat.store.hybrid_clock import HybridClock
from justchat.store.mongo.append_only import check_append_only
from justchat.store.mongo.connections import OPERATION_TIMEOUT, Connections
from justchat.store.mongo.errors import duplicates
from justchat.store.mongo.pool import CONNECTIONS, FILE_CONNECTIONS, Lane
from justchat.store.mongo.sharding import Scatter, check_targeted
from justchat.store.mongo.uri import MongoUri
from justchat.store.slow_reads import SlowReads

Document = dict[str, Any]

READ_TIMEOUT = 3.5
"""Seconds after which the database itself ends a read: nobody waits for it any longer."""
PAGES_TIMEOUT = 600
"""The same for reads of many pages, all of them together, without what passes between them."""
DURABLE = {"w": "majority", "j": True}
INSERT_BYTES = 16 * 1024 * 1024
"""Bytes of documents in one insert: a third of the largest message."""


class Database:
    """One MongoDB database.

    ``slow_reads`` bounds the slow reads in flight; without it there may be any number. ``files``: it stores files too.
    """

    def __init__(self, uri: str, slow_reads: SlowReads | None = None, *, files: bool = False) -> None:
        self._uri = MongoUri.parse(uri)
        self._name = self._uri.database
        self._connections = Connections()
        self._slow_reads = slow_reads
        self._is_strict = os.environ.get("JUSTCHAT_STRICT") == "1"
        self.sharded_since: Moment | None = None
        """When a daemon first found the database sharded; None for one that is not."""
        self._files = files
        self._insert_commands: dict[tuple[str, bool], bytes] = {}
        """The commands of ``insert_many``, without documents, by its arguments."""
        self.order_clock = HybridClock()
        """Numbers documents in the order of their arrival."""

    def open(self) -> None:
        """Begin to connect; operations wait for that."""
        sizes = {**CONNECTIONS, **({Lane.SLOW: self._slow_reads.at_once} if self._slow_reads else {})}
        if self._files:
            sizes[Lane.FILES] = FILE_CONNECTIONS
        self._connections.open(self._uri, sizes)

    async def close(self) -> None:
        await self._connections.close()

    async def ping(self) -> None:
        """Raises DatabaseAway unless the database answers."""
        await self.command({"ping": 1})

    async def command(
        self, command: Document, *, within: float = OPERATION_TIMEOUT, lane: Lane = Lane.ORDINARY
    ) -> Document:
        """Run a database command, ``within`` seconds; ``command`` itself is left as it is."""
        check_append_only(command)
        if self._is_strict:
            check_targeted(command)
        return await self._connections.run(
            encode({**command, "$db": self._name}), {}, within, lane, next(iter(command))
        )

    async def _read(self, command: Document, lane: Lane) -> Document:
        return await self.command({**command, "maxTimeMS": int(READ_TIMEOUT * 1000)}, lane=lane)

    async def _write(
        self, command: Document, lane: Lane = Lane.ORDINARY, *, within: float = OPERATION_TIMEOUT
    ) -> Document:
        """Run a write of which no unique index may refuse a statement, unless it is a findAndModify: then its error
        is DuplicateKeyError.
        """
        answer = await self.command({**command, "writeConcern": DURABLE}, within=within, lane=lane)
        if duplicates(answer):
            raise BulkWriteError(answer)
        return answer

    async def find_one(
        self,
        collection: str,
        query: Document,
        fields: Sequence[str] | None = None,
        *,
        hint: str | None = None,
        scatter: Scatter | None = None,
    ) -> Document | None:
        documents = await self.find(collection, query, limit=1, fields=fields, hint=hint, scatter=scatter)
        return documents[0] if documents else None

    async def find(
        self,
        collection: str,
        query: Document,
        *,
        sort: Mapping[str, int] | None = None,
        skip: int = 0,
        limit: int,
        fields: Sequence[str] | Mapping[str, Any] | None = None,
        hint: str | None = None,
        batch: int | None = None,
        slow: str | None = None,
        scatter: Scatter | None = None,
        lane: Lane = Lane.ORDINARY,
    ) -> list[Document]:
        """The first ``limit`` documents of a query; ``fields`` are names, or a projection.

        Large documents are read ``batch`` at a time, so that the reactor does other work between. ``slow`` is the user
        on whose behalf a query is made that may take long: it waits for a slot, and may raise TooManyRequests.
        ``scatter`` is the reason for which the query names no shard key.
        """
        wanted: Document = {"find": collection, "filter": query}
        if sort:
            wanted["sort"] = dict(sort)
        if fields:
            wanted["projection"] = dict(fields) if isinstance(fields, Mapping) else dict.fromkeys(fields, 1)
        if hint:
            wanted["hint"] = hint
        if scatter:
            wanted["comment"] = scatter.name
        wanted |= {"skip": skip, "limit": limit, "batchSize": batch or limit}
        if slow is None or self._slow_reads is None:
            return await self._read_all(wanted, lane)
        async with self._slow_reads.slot(slow):
            return await self._read_all(wanted, Lane.SLOW)

    @property
    def slow_lane(self) -> Lane:
        """The lane for reads that nobody waits for."""
        return Lane.ORDINARY if self._slow_reads is None else Lane.SLOW

    async def pages(
        self,
        collection: str,
        query: Document,
        *,
        sort: Mapping[str, int],
        fields: Sequence[str] | None = None,
        hint: str | None = None,
        size: int,
    ) -> AsyncIterator[list[Document]]:
        """Every document of a query, ``size`` at a time, for work that nobody waits for. The order is an index's."""
        find: Document = {"find": collection, "filter": query, "sort": dict(sort), "batchSize": size}
        if fields:
            find["projection"] = dict.fromkeys(fields, 1)
        if hint:
            find["hint"] = hint
        # The limit is for all of its batches together.
        cursor = (await self.command({**find, "maxTimeMS": PAGES_TIMEOUT * 1000}, lane=self.slow_lane))["cursor"]
        page: list[Document] = cursor["firstBatch"]
        while page:
            yield page
            if not cursor["id"]:
                return
            more = {"getMore": Int64(cursor["id"]), "collection": collection, "batchSize": size}
            cursor = (await self.command(more, lane=self.slow_lane))["cursor"]
            page = cursor["nextBatch"]

    async def _read_all(self, find: Document, lane: Lane) -> list[Document]:
        cursor = (await self._read(find, lane))["cursor"]
        found: list[Document] = cursor["firstBatch"]
        while cursor["id"]:  # there are more batches, or documents than the 16 MiB of one answer
            more = {"getMore": Int64(cursor["id"]), "collection": find["find"], "batchSize": find["batchSize"]}
            cursor = (await self.command(more, lane=lane))["cursor"]
            found += cursor["nextBatch"]
        return found

    async def insert(self, collection: str, document: Document) -> bool:
        """False where a unique index refuses."""
        answer = await self.command({"insert": collection, "documents": [document], "writeConcern": DURABLE})
        return not duplicates(answer)

    async def insert_stamped(self, collection: str, document: Document, field: str) -> bool:
        """Insert a document with the database's present time in ``field``. False where its ``_id`` is there already."""
        none = {"_id": document["_id"], field: {"$type": "minKey"}}  # so that it is never an update
        stamped = [{"$replaceWith": {"$mergeObjects": [{"$literal": document}, {field: "$$NOW"}]}}]
        statement = {"q": none, "u": stamped, "upsert": True}
        answer = await self.command({"update": collection, "updates": [statement], "writeConcern": DURABLE})
        return not duplicates(answer)

    async def insert_many(
        self, collection: str, documents: Sequence[bytes], *, ordered: bool, lane: Lane = Lane.LOG
    ) -> list[tuple[int, Document]]:
        """Insert documents in BSON. Returns those that a unique index refused: the place of each, and the index's key.

        ``ordered``: insert none behind the first that is refused.
        """
        if self._is_strict:
            check_targeted({"insert": collection, "documents": [decode(document) for document in documents]})
        command = self._insert_commands.get((collection, ordered))
        if command is None:
            command = encode({"insert": collection, "ordered": ordered, "writeConcern": DURABLE, "$db": self._name})
            self._insert_commands[collection, ordered] = command
        refused: list[tuple[int, Document]] = []
        start = 0
        for part in _payloads(documents):
            answer = await self._connections.run(command, {"documents": part}, lane=lane)
            refused += [(start + error["index"], error.get("keyPattern", {})) for error in duplicates(answer)]
            if refused and ordered:
                break
            start += len(part)
        return refused

    async def update(self, collection: str, query: Document, update: Any, *, hint: str | None = None) -> bool:
        """Whether a document matched."""
        statement = {"q": query, "u": update, **({"hint": hint} if hint else {})}
        answer = await self._write({"update": collection, "updates": [statement]})
        return bool(answer["n"])

    async def update_each(self, collection: str, updates: Sequence[tuple[Document, Any]]) -> None:
        """For each query: update the document that matches, if any. One command, for less than 16 MiB."""
        statements = [{"q": query, "u": update} for query, update in updates]
        await self._write({"update": collection, "updates": statements, "ordered": False})

    async def upsert(self, collection: str, query: Document, update: Any) -> None:
        """Update the document that matches, or make one."""
        await self.upsert_many(collection, [(query, update)])

    async def upsert_many(
        self, collection: str, updates: Sequence[tuple[Document, Any]], *, lane: Lane = Lane.ORDINARY
    ) -> None:
        """For each query: update the document that matches, or make one, unless a unique index refuses that.

        One command, for less than 16 MiB.
        """
        statements = [{"q": query, "u": update, "upsert": True} for query, update in updates]
        for _ in range(2):
            answer = await self.command(
                {"update": collection, "updates": statements, "ordered": False, "writeConcern": DURABLE}, lane=lane
            )
            # Where two make one at once, the second finds one to update.
            statements = [statements[error["index"]] for error in duplicates(answer)]
            if not statements:
                return

    async def update_all(
        self,
        collection: str,
        query: Document,
        update: Any,
        *,
        hint: str | None = None,
        scatter: Scatter | None = None,
    ) -> int:
        """Update every document that matches: for queries that are bounded. Returns how many it has changed.
        ``scatter`` as for ``find``.
        """
        statement = {"q": query, "u": update, "multi": True, **({"hint": hint} if hint else {})}
        reason = {"comment": scatter.name} if scatter else {}
        return int((await self._write({"update": collection, "updates": [statement], **reason}))["nModified"])

    async def delete_all(self, collection: str, query: Document, *, lane: Lane = Lane.ORDINARY) -> None:
        """Delete every document that matches: for queries that are bounded."""
        await self._write({"delete": collection, "deletes": [{"q": query, "limit": 0}]}, lane)

    async def count(self, collection: str, query: Document, *, hint: str | None = None, slow: str | None = None) -> int:
        """How many documents match; ``slow`` as for ``find``."""
        rows = await self.aggregate(
            collection, [{"$match": query}, {"$group": {"_id": 1, "n": {"$sum": 1}}}], hint=hint, slow=slow
        )
        return int(rows[0]["n"]) if rows else 0

    async def aggregate(
        self,
        collection: str,
        pipeline: Sequence[Document],
        *,
        hint: str | None = None,
        slow: str | None = None,
    ) -> list[Document]:
        """The documents that a pipeline yields: for results that cannot exceed 16 MiB."""
        command: Document = {"aggregate": collection, "pipeline": list(pipeline), "cursor": {"batchSize": 2**31 - 1}}
        if hint:
            command["hint"] = hint
        if slow is None or self._slow_reads is None:
            answer = await self._read(command, Lane.ORDINARY)
        else:
            async with self._slow_reads.slot(slow):
                answer = await self._read(command, Lane.SLOW)
        documents: list[Document] = answer["cursor"]["firstBatch"]
        return documents

    async def replace(self, collection: str, query: Document, document: Document) -> None:
        await self._write({"update": collection, "updates": [{"q": query, "u": document}]})

    async def update_and_get(
        self, collection: str, query: Document, update: Any, *, before: bool = False
    ) -> Document | None:
        """Update one document and return it, as it was before or is after."""
        return await self._find_and_modify(collection, query, update=update, new=not before)

    async def upsert_and_get(
        self, collection: str, query: Document, update: Any, *, after: bool = False
    ) -> Document | None:
        """Update one document, or make one, and return it, as it was before (None: not there) or is after."""
        try:
            return await self._find_and_modify(collection, query, update=update, upsert=True, new=after)
        except DuplicateKeyError:
            # Two made it at once; now there is one to update.
            return await self._find_and_modify(collection, query, update=update, upsert=True, new=after)

    async def delete_and_get(
        self, collection: str, query: Document, *, within: float = OPERATION_TIMEOUT
    ) -> Document | None:
        """Delete one document and return it, ``within`` seconds."""
        return await self._find_and_modify(collection, query, within, remove=True)

    async def _find_and_modify(
        self, collection: str, query: Document, within: float = OPERATION_TIMEOUT, **change: Any
    ) -> Document | None:
        answer = await self._write({"findAndModify": collection, "query": query, **change}, within=within)
        document: Document | None = answer["value"]
        return document


def _payloads(documents: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Documents, divided into payloads of at most INSERT_BYTES; a larger document is alone in its own."""
    part: list[bytes] = []
    size = 0
    for document in documents:
        if size + len(document) > INSERT_BYTES and part:
            yield part
            part, size = [], 0
        part.append(document)
        size += len(document)
    if part:
        yield part
