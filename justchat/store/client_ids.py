"""Messages by the client_id that they were sent with.

A message's ``_id`` is derived from its author and client_id, so that MongoDB's unique index stores it once. On a
sharded database that index is unique on each shard alone. There the id is derived from the stream, too: a message that
is sent again goes to the shard that has it, and no id is ever on two shards, whose chunks MongoDB could not move any
more. So a client_id counts within one room or one receiver there, and in all of them elsewhere.

When a database becomes a sharded one, messages of the last day have ids of the first form. For a day each message is
looked up by that id before it is sent.
"""

from collections.abc import Callable
from datetime import timedelta

from bson import ObjectId
from zope.interface import implementer

from justchat.errors import AlreadyStored
from justchat.interfaces.client_ids import IClientIds
from justchat.model.entry import Entry
from justchat.model.ids import Id, is_well_formed, stream_message_id
from justchat.model.moment import Clock
from justchat.store.bson import entry_from_document, moment
from justchat.store.indexes import BY_ID, LOG, VERSIONS
from justchat.store.mongo.client import Database, Document
from justchat.store.mongo.sharding import Scatter

BECOMING_SHARDED = timedelta(days=1)
"""As long as a client_id names its message."""


async def look_for_shards(database: Database, clock: Clock) -> None:
    """Find whether the database is sharded, and since when."""
    hello = await database.command({"hello": 1})
    if hello.get("msg") == "isdbgrid":  # so mongos answers
        first = {"$setOnInsert": {"at": clock()}}
        found = await database.upsert_and_get(VERSIONS, {"_id": "sharded"}, first, after=True)
        assert found is not None
        database.sharded_since = moment(found["at"])


@implementer(IClientIds)
class ClientIds:
    """See IClientIds. ``make_id`` derives the id for a database that is not sharded.

    ``shared``: other daemons may write to the same database.
    """

    def __init__(
        self, database: Database, clock: Clock, make_id: Callable[[Id, str, int], Id], *, shared: bool = True
    ) -> None:
        self._is_shared = shared
        self._database = database
        self._clock = clock
        self._make_id = make_id

    def message_id(self, stream: Id, author: Id, client_id: str, use: int) -> Id:
        if self._database.sharded_since is None:
            return self._make_id(author, client_id, use)
        return stream_message_id(stream, author, client_id, use)

    async def check_unused(self, stream: Id, author: Id, client_id: str, use: int) -> None:
        since = self._database.sharded_since
        if since is None or abs(self._clock() - since) > BECOMING_SHARDED:
            return
        if await self.find(stream, author, client_id, use) is not None:
            raise AlreadyStored

    async def find(self, stream: Id, author: Id, client_id: str, use: int) -> Entry | None:
        first = ObjectId(self._make_id(author, client_id, use))
        if self._database.sharded_since is None:
            document = await self._database.find_one(LOG, {"_id": first}, scatter=Scatter.ANY_STREAM)
        elif is_well_formed(stream):
            either = {"$in": [first, ObjectId(stream_message_id(stream, author, client_id, use))]}
            document = await self._database.find_one(LOG, {"stream": ObjectId(stream), "_id": either}, hint=BY_ID)
        else:
            document = None
        return _of(author, document)

    async def confirm(self, message: Entry) -> bool:
        if not self._is_shared:  # what was to be taken back is void by now
            return True
        place = {"_id": ObjectId(message.id), "stream": ObjectId(message.stream), "kind": message.kind.value}
        return await self._database.update(LOG, place, {"$set": {"confirmed": True}})


def _of(author: Id, document: Document | None) -> Entry | None:
    return None if document is None or str(document["author"]) != author else entry_from_document(document)
