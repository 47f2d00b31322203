"""The collections of a database as BSON, read and written in parts, whatever they are. Every function blocks."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

from attrs import frozen
from bson import CodecOptions, decode_all, json_util
from bson.raw_bson import RawBSONDocument
from pymongo import IndexModel, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import CollectionInvalid

from justchat.store.indexes import LEASES, RESTORING, VERSIONS

PART = 4 * 1024 * 1024
"""Bytes of documents, about, in a part. One document has at most 16 MiB."""
BATCH = 1000
"""Documents that the database sends at once, if they have no more than 16 MiB, which several copies of take room."""

AnyDatabase = Database[dict[str, Any]]
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
_BY_ID = "_id_"
_TO_BE_GIVEN = ("v", "ns", "background")
"""What a database says of an index beside what it was asked for."""


@frozen
class DumpedPart:
    """Some documents of a collection, one behind the other."""

    content: bytes
    documents: int


def collections_of(database: AnyDatabase) -> list[str]:
    """The names of the collections."""
    names = database.list_collection_names(filter={"type": "collection"})
    return sorted(name for name in names if not name.startswith("system."))


def dump_indexes(database: AnyDatabase, name: str) -> bytes:
    """The indexes of a collection, as MongoDB's extended JSON."""
    indexes = [dict(index) for index in database[name].list_indexes() if index["name"] != _BY_ID]
    return json_util.dumps({"indexes": indexes}, json_options=json_util.CANONICAL_JSON_OPTIONS, indent=2).encode()


def dump_collection(database: AnyDatabase, name: str, session: ClientSession | None) -> Iterator[DumpedPart]:
    """The documents of a collection, at the moment of the session where that has one."""
    pieces: list[bytes] = []
    for batch in database[name].find_raw_batches({}, batch_size=BATCH, session=session):
        pieces.append(cast(bytes, batch))  # pymongo's types say otherwise
        if sum(map(len, pieces)) >= PART:
            yield _part_of(pieces)
            pieces = []
    if any(pieces):
        yield _part_of(pieces)


def _part_of(pieces: list[bytes]) -> DumpedPart:
    content = b"".join(pieces)
    start = documents = 0
    while start < len(content):
        start += int.from_bytes(content[start : start + 4], "little")
        documents += 1
    return DumpedPart(content, documents)


def load_documents(database: AnyDatabase, name: str, content: bytes) -> int:
    """Insert the documents of a part. Returns their number. Raises bson.errors.InvalidBSON, PyMongoError."""
    documents = decode_all(content, _RAW)
    raw = database.get_collection(name, write_concern=WriteConcern("majority", j=True))
    raw.insert_many(documents, ordered=False)
    return len(documents)


def load_indexes(database: AnyDatabase, name: str, content: bytes) -> None:
    """Make the collection, and its indexes. Raises ValueError, PyMongoError."""
    with suppress(CollectionInvalid):  # it has documents
        database.create_collection(name)
    models = []
    for index in json_util.loads(content)["indexes"]:
        keys = {field: int(order) if isinstance(order, int | float) else order for field, order in index["key"].items()}
        options = {option: value for option, value in index.items() if option not in ("key", *_TO_BE_GIVEN)}
        models.append(IndexModel(keys, **options))
    if models:
        database[name].create_indexes(models)


def first_with_documents(database: AnyDatabase) -> str | None:
    """A collection that is not empty; None where all are."""
    for name in collections_of(database):
        if database[name].find_one({}, projection=["_id"]) is not None:
            return name
    return None


def is_half_restored(database: AnyDatabase) -> bool:
    """Whether a restore into this database began, and did not end."""
    return database[VERSIONS].find_one({"_id": RESTORING}) is not None


def mark_half_restored(database: AnyDatabase) -> None:
    """From now on no daemon starts on this database."""
    database[VERSIONS].with_options(write_concern=WriteConcern("majority", j=True)).insert_one({"_id": RESTORING})


def mark_restored(database: AnyDatabase) -> None:
    """The restore has ended."""
    marked = database[VERSIONS].with_options(write_concern=WriteConcern("majority", j=True))
    marked.delete_one({"_id": RESTORING})


def empty(database: AnyDatabase) -> None:
    """Remove everything, the mark last."""
    for name in sorted(collections_of(database), key=lambda name: name == VERSIONS):
        database.drop_collection(name)


def has_daemons(database: AnyDatabase) -> bool:
    """Whether a daemon has given a sign of life (``store/lease.py``) in the last 20 seconds."""
    alive = {"_id": {"$gte": "daemon ", "$lt": "daemon!"}, "$expr": {"$gt": ["$until", "$$NOW"]}}
    return database[LEASES].find_one(alive) is not None
