"""Queries of the log that rooms and mailboxes share.

Invariant: entries of a stream come in the order of their seq, void ones too unless a query excludes them. Each query
reads one index.
"""

from bson import ObjectId

from justchat.model.entry import Entry
from justchat.store.bson import entry_from_document
from justchat.store.indexes import LOG
from justchat.store.mongo.client import Database


class LogReader:
    """Reads entries. Every method raises DatabaseAway when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self, stream: ObjectId, after: int, limit: int, **conditions: object) -> list[Entry]:
        """At most ``limit`` entries of a stream with a seq greater than ``after``; ``conditions`` are more of the
        query's.
        """
        documents = await self._database.find(
            LOG, {"stream": stream, "seq": {"$gt": after}, **conditions}, sort={"stream": 1, "seq": 1}, limit=limit
        )
        return [entry_from_document(document) for document in documents]
