"""Every collection and index (docs/database.rst says what each is for)."""

from justchat.model.entry import Kind
from justchat.store.database import Database, Document

LOG, ROOMS, USERS, SESSIONS = "log", "rooms", "users", "sessions"
DIALOGS, LEDGER, GIFTS, COMPLAINTS = "dialogs", "ledger", "gifts", "complaints"

_DIRECT = {"kind": Kind.DIRECT_MESSAGE.value}


def _index(keys: dict[str, int], **options: object) -> Document:
    return {"key": keys, "name": "_".join(keys), **options}


INDEXES: dict[str, list[Document]] = {
    LOG: [
        _index({"stream": 1, "seq": 1}, unique=True),
        # Direct messages, and gifts, are entries of their receiver's stream. What was sent to somebody, by anyone …
        _index({"user": 1, "seq": -1}, partialFilterExpression=_DIRECT),
        # … or by one; what passed between two; what is unread.
        _index({"user": 1, "author": 1, "seq": -1}, partialFilterExpression=_DIRECT),
        _index({"pair": 1, "create_at": -1, "_id": -1}, partialFilterExpression=_DIRECT),
        _index({"user": 1, "author": 1, "read": 1}, partialFilterExpression={**_DIRECT, "read": False}),
        _index({"stream": 1, "kind": 1, "seq": -1}, partialFilterExpression={"kind": Kind.GIFT.value}),
    ],
    DIALOGS: [
        _index({"owner": 1, "other": 1}, unique=True),
        _index({"owner": 1, "at": -1}),
    ],
    LEDGER: [
        _index({"user": 1, "create_at": -1}),
        _index({"begun": 1}, sparse=True),
    ],
    GIFTS: [_index({"withdrawn": 1, "price": 1, "_id": 1})],
    COMPLAINTS: [_index({"closed": 1, "_id": -1})],
    ROOMS: [_index({"admin": 1, "_id": 1})],
    USERS: [
        _index({"phone": 1}, unique=True),
        _index({"moving.at": 1}, sparse=True),
    ],
    SESSIONS: [
        _index({"digest": 1}, unique=True),
        _index({"user": 1, "_id": 1}),
        _index({"expires_at": 1}, expireAfterSeconds=0),
    ],
}


async def create_indexes(database: Database) -> None:
    """Create what is missing; says nothing and does nothing where all is there."""
    for collection, indexes in INDEXES.items():
        await database.command({"createIndexes": collection, "indexes": indexes})
