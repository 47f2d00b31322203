"""Deletion of what streams begin with, in small steps: of removed rooms, and of what has expired."""

from attrs import evolve
from bson import ObjectId

from justchat.metrics.declarations import RETENTION_DELETED
from justchat.model.entry import Entry, Kind
from justchat.model.moment import Moment
from justchat.store.bson import entry_from_document, entry_to_document, moment
from justchat.store.indexes import BY_ID, LOG
from justchat.store.log.withdrawals import void_of
from justchat.store.marks import MARK
from justchat.store.mongo.client import Database, Document

AT_ONCE = 200
"""Entries that one step deletes."""
EXPIRING = frozenset(
    {Kind.DIRECT_MESSAGE, Kind.DIRECT_RELEASE, Kind.DIRECT_REMOVED, Kind.READ, Kind.NOTICE, Kind.REFUSED, Kind.VOID}
)
"""What of a user's stream expires. Gifts, and whom the user blocks, do not."""
_VALUES = frozenset(kind.value for kind in EXPIRING)
_IN_ORDER = {"stream": 1, "seq": 1}


async def delete_beginning(database: Database, stream: ObjectId, upto: int | None = None) -> bool:
    """Delete some entries of a stream from its beginning, at most up to a seq. Returns whether there may be more.

    What webhooks are not told of yet stays until the next time.
    """
    query: Document = {"stream": stream, **({} if upto is None else {"seq": {"$lte": upto}}), MARK: None}
    entries = await database.find(LOG, query, sort=_IN_ORDER, limit=AT_ONCE, fields=["seq"])
    if entries:
        await database.delete_all(LOG, {"stream": stream, "seq": {"$lte": entries[-1]["seq"]}, MARK: None})
    return len(entries) == AT_ONCE


async def delete_expired(database: Database, stream: ObjectId, before: Moment, after: int) -> int | None:
    """Delete some of the EXPIRING entries of a stream from before a time, behind a seq. Returns where to go on; None at
    the end.

    The last entry of a stream has its number, so that becomes void instead.
    """
    fields = ["seq", "kind", "create_at", MARK]
    behind = {"stream": stream, "seq": {"$gt": after}}
    entries = await database.find(LOG, behind, sort=_IN_ORDER, limit=AT_ONCE, fields=fields)
    is_all = len(entries) < AT_ONCE
    old = [each for each in entries if moment(each["create_at"]) < before]
    expired = [each for each in old if each["kind"] in _VALUES and MARK not in each]
    messages = sum(each["kind"] == Kind.DIRECT_MESSAGE.value for each in expired)
    if is_all and expired and expired[-1] is entries[-1]:
        last = expired.pop()
        if last["kind"] != Kind.VOID.value:
            await _make_void(database, stream, last["_id"])
    if expired:
        await database.delete_all(LOG, {"stream": stream, "seq": {"$in": [each["seq"] for each in expired]}})
    RETENTION_DELETED.count("direct_messages", by=messages)
    return None if is_all or len(old) < len(entries) else int(entries[-1]["seq"])


async def _make_void(database: Database, stream: ObjectId, id: ObjectId) -> None:
    place = {"_id": id, "stream": stream}
    document = await database.find_one(LOG, place, hint=BY_ID)
    if document is not None:
        await database.replace(LOG, place, entry_to_document(_void_with_order(entry_from_document(document))))


def _void_with_order(entry: Entry) -> Entry:
    # The next direct message comes after it, at any daemon.
    return evolve(void_of(entry), order=entry.order)
