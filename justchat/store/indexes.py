"""Every collection and index (docs/database.rst says what each is for)."""

from justchat.store.database import Database, Document

LOG, ROOMS, USERS, SESSIONS = "log", "rooms", "users", "sessions"


def _index(keys: dict[str, int], **options: object) -> Document:
    return {"key": keys, "name": "_".join(keys), **options}


INDEXES: dict[str, list[Document]] = {
    LOG: [_index({"stream": 1, "seq": 1}, unique=True)],
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
