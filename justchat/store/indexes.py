"""Every collection and index (docs/database.rst says what each is for)."""

from pymongo.errors import OperationFailure

from justchat.errors import StartupError
from justchat.model.direct import ABOUT_BLOCKS
from justchat.model.entry import Kind
from justchat.store.marks import MARK
from justchat.store.mongo.client import Database, Document
from justchat.store.mongo.sharding import Scatter

LOG, ROOMS, USERS, SESSIONS = "log", "rooms", "users", "sessions"
DIALOGS, LEDGER, GIFTS, COMPLAINTS, INVITES = "dialogs", "ledger", "gifts", "complaints", "invites"
ENDED, ANSWERS, WINDOWS, VERSIONS, PICTURES = "ended", "answers", "windows", "versions", "pictures"
PACKETS = "packets"
LEASES = "leases"
AUDIT = "audit"
REMOVALS = "removals"
ONLINE, LOAD = "online", "load"
HELD = "held"
EXPORTS = "exports"
ANNOUNCEMENTS = "announcements"
SERVER_KEYS = "server_keys"
SMS_COUNTS = "sms_counts"
DELIVERIES, WEBHOOKS = "deliveries", "webhooks"

RESTORING = "restoring"
"""The id of the document in VERSIONS that says that a database is half restored."""
FILES, CHUNKS = "fs.files", "fs.chunks"

BUILDING = 3600.0
"""Seconds that the database may take to build a collection's indexes."""
CANNOT_CREATE_INDEX = 67
"""MongoDB's code of that error."""
_DIRECT = {"kind": Kind.DIRECT_MESSAGE.value}


def _index(keys: dict[str, int], **options: object) -> Document:
    return {"key": keys, "name": "_".join(keys), **options}


BY_ID = "_id_"
"""MongoDB's own index, as a hint for queries that name an id and, for a sharded database, its stream."""

# Direct messages are entries of their receiver's stream. Messages to a user from anybody, or from one author:
TO_USER = _index({"user": 1, "seq": -1}, partialFilterExpression=_DIRECT)
FROM_AUTHOR = _index({"user": 1, "author": 1, "seq": -1}, partialFilterExpression=_DIRECT)
STREAM_SEQ = _index({"stream": 1, "seq": 1}, unique=True)
"""The order of a stream's entries itself: each number exists once."""
UNREAD = _index(
    # (kind is in the key, though it has one value: else the database would fetch each message for it.)
    {"stream": 1, "author": 1, "read": 1, "kind": 1},
    partialFilterExpression={**_DIRECT, "read": {"$in": [False, None]}},
)

GAPS = _index({"stream": 1, "gap": 1, "seq": 1}, partialFilterExpression={"gap": {"$exists": True}})
"""Where changes of messages interrupt a room's messages (``store/history.py``)."""
QUOTING = ("ref_message._id", "ref_message.ref_message._id")
"""The fields of an entry with the id of the message that it quotes; a notice of a service message quotes twice."""

NEWEST = {"order": -1, "create_at": -1, "_id": -1}
"""By arrival. Documents of early releases have no ``order`` and come last, by their time (hybrid_clock.py)."""
LATEST = {"order": -1, "create_at": -1, "seq": -1}
"""The same for entries. Within a stream, ``seq`` decides between equal times."""

BETWEEN = _index({"pair": 1, **LATEST}, partialFilterExpression=_DIRECT)
"""Messages between two users."""

WAITING = _index({"held": 1, "create_at": 1}, partialFilterExpression={"held": "waiting"})
"""Held messages that wait for an operator."""

RUNNING = _index({"progress": 1, "order": 1}, partialFilterExpression={"progress": "running"})
"""Announcements that are under way, the oldest first."""

PRIVATE = _index({"private": 1, "_id": 1}, partialFilterExpression={"private": True})
"""Rooms with a password, for queries that read the index alone."""

LISTINGS: dict[str, dict[str, int]] = {
    "created_at": NEWEST,
    "name": {"folded": 1, **NEWEST},
    "users": {"n_users": 1, **NEWEST},
    "max_users": {"max_users": 1, **NEWEST},
    "admin": {"admin": 1, **NEWEST},
    "_id": {"_id": -1},
}
"""By the field that rooms are sorted by, the order of its index. The same index serves the opposite order."""


def _listing(
    order: dict[str, int], *, before: dict[str, int] | None = None, after: dict[str, int] | None = None
) -> Document:
    return _index(
        {
            **(before or {}),
            "removed": 1,
            "private": 1,
            "full": 1,
            **order,
            **({"folded": 1} if after is None else after),
        }
    )


def listing_index(sort: str) -> str:
    """The name of the index that serves an order."""
    return str(_listing(LISTINGS[sort])["name"])


TRIGRAMS = str(_listing(NEWEST, before={"trigrams": 1}, after={})["name"])
"""The name of the index by three letters of a name."""


KINDS_ABOUT_BLOCKS = sorted(kind.value for kind in ABOUT_BLOCKS)
ABOUT_BLOCKS_OF = _index(
    {"stream": 1, "seq": -1}, name="about_blocks", partialFilterExpression={"kind": {"$in": KINDS_ABOUT_BLOCKS}}
)
"""Whom a user blocks."""

MARKED_ENTRIES = _index({MARK: 1, "stream": 1, "seq": 1}, partialFilterExpression={MARK: True})
MARKED = _index({MARK: 1, "order": 1}, name="marked", partialFilterExpression={MARK: True})
MARKED_USERS = _index({MARK: 1}, partialFilterExpression={MARK: {"$exists": True}})
"""What webhooks are to be told of."""
LIVE = _index({"webhook": 1, "n": 1}, partialFilterExpression={"live": True})
"""Deliveries that are to be sent, in their order; and those of a stream."""
LIVE_OF_STREAM = _index({"webhook": 1, "stream": 1, "n": 1}, partialFilterExpression={"live": True})
DEAD = _index({"webhook": 1, "dead_at": 1, "n": 1}, partialFilterExpression={"dead_at": {"$exists": True}})

INDEXES: dict[str, list[Document]] = {
    LOG: [
        STREAM_SEQ,
        TO_USER,
        FROM_AUTHOR,
        BETWEEN,
        UNREAD,
        WAITING,
        # The gifts that a user received.
        _index({"stream": 1, "kind": 1, "seq": -1}, partialFilterExpression={"kind": Kind.GIFT.value}),
        GAPS,
        *(_index({field: 1}, partialFilterExpression={field: {"$exists": True}}) for field in QUOTING),
        # Removals whose words may still be there.
        _index({"scrub": 1}, partialFilterExpression={"scrub": {"$exists": True}}),
        ABOUT_BLOCKS_OF,
        MARKED_ENTRIES,
        # The latest of all, which dialogs may lack after a crash.
        _index(LATEST, name="latest_direct", partialFilterExpression=_DIRECT),
        # The latest changes of rooms, which snapshots may lack after a crash.
        _index(LATEST, name="latest_changes", partialFilterExpression={"changes": True}),
    ],
    DIALOGS: [
        _index({"owner": 1, "other": 1}, unique=True),
        _index({"owner": 1, "order": -1, "at": -1}),
    ],
    LEDGER: [
        _index({"user": 1, **NEWEST}),
        _index({"begun": 1}, sparse=True),
        MARKED,
    ],
    GIFTS: [_index({"withdrawn": 1, "price": 1, "_id": 1})],
    ENDED: [
        _index({"at": 1}, expireAfterSeconds=24 * 3600),
        # A session whose key is made anew.
        _index({"digest": 1}),
    ],
    PACKETS: [_index({"at": 1}, expireAfterSeconds=3600)],
    ONLINE: [_index({"at": 1}, expireAfterSeconds=3600)],
    # The last day, and the hour in which the database deletes.
    LOAD: [_index({"at": 1}, expireAfterSeconds=25 * 3600)],
    HELD: [_index({"order": 1})],
    SMS_COUNTS: [_index({"day": 1}, expireAfterSeconds=90 * 24 * 3600)],
    INVITES: [_index({"at": 1}, expireAfterSeconds=24 * 3600)],
    ANSWERS: [
        _index({"at": 1}, expireAfterSeconds=24 * 3600),
        _index({"busy": 1}, sparse=True),
        # The answers with a message.
        _index({"ids": 1}, sparse=True),
    ],
    WINDOWS: [_index({"ends": 1}, expireAfterSeconds=0)],
    # Pictures that nothing refers to, the oldest first.
    PICTURES: [
        _index({"folder": 1, "at": 1}, partialFilterExpression={"kept": False}),
        # Those that a user uploaded.
        _index({"user": 1, "_id": 1}),
    ],
    EXPORTS: [
        # A user has one at a time.
        _index({"user": 1}, unique=True, partialFilterExpression={"status": "pending"}),
        _index({"user": 1, "expires_at": 1}),
        _index({"token": 1}, unique=True),
        _index({"status": 1, "taken": 1}),
        _index({"expires_at": 1}),
    ],
    ANNOUNCEMENTS: [
        RUNNING,
        _index({"order": -1}),
        _index({"author": 1}),
        # Those that have ended go after a while.
        _index({"ended_at": 1}, expireAfterSeconds=90 * 24 * 3600),
    ],
    SERVER_KEYS: [
        _index({"digest": 1}, unique=True),
        _index({"name": 1}, unique=True, partialFilterExpression={"revoked": False}),
        _index({"create_at": -1, "_id": -1}),
    ],
    AUDIT: [_index({"order": -1}), _index({"whom": 1, "order": -1})],
    COMPLAINTS: [
        _index({"closed": 1, **NEWEST}),
        _index(NEWEST),
        MARKED,
        # Of one author about one thing; of one author; about one user.
        _index({"author": 1, "about": 1, **NEWEST}),
        _index({"author": 1, **NEWEST}),
        _index({"user": 1, **NEWEST}, partialFilterExpression={"user": {"$exists": True}}),
        # Those about a message, or about one that quotes it.
        _index({"message._id": 1, "closed": 1}),
        # With the words of a person.
        *(_index({field: 1}, sparse=True) for field in ("message.author", "message.ref_message.author")),
        _index({"message.ref_message._id": 1, "closed": 1}, sparse=True),
    ],
    ROOMS: [
        _index({"admin": 1, **NEWEST}, partialFilterExpression={"removed": False}),
        _index({"removed": 1}, partialFilterExpression={"removed": True}),
        PRIVATE,
        MARKED,
        # /room/get: filters, then the order, then the name, so that a search reads keys, and only the rooms it finds.
        *(_listing(keys) for keys in LISTINGS.values()),
        _listing(NEWEST, before={"trigrams": 1}, after={}),
    ],
    USERS: [
        _index({"phone": 1}, unique=True),
        _index({"external_id": 1}, unique=True, sparse=True),
        _index({"identity.subject": 1, "identity.issuer": 1}, unique=True, sparse=True),
        _index({"moving.at": 1}, sparse=True),
        MARKED_USERS,
        # Deletions: requested, just requested, begun.
        *(_index({field: 1}, sparse=True) for field in ("deletes_at", "parting", "erasing")),
        # Nicknames by prefix.
        _index({"folded": 1, "_id": 1}, partialFilterExpression={"folded": {"$exists": True}}),
    ],
    DELIVERIES: [
        LIVE,
        LIVE_OF_STREAM,
        DEAD,
        # Those with the words of a message, or of a person.
        _index({"ids": 1}),
        # The dead ones go after a while.
        _index({"dead_at": 1}, expireAfterSeconds=30 * 24 * 3600),
    ],
    SESSIONS: [
        _index({"digest": 1}, unique=True),
        _index({"user": 1, **NEWEST}),
        _index({"expires_at": 1}, expireAfterSeconds=0),
        _index({"order": -1}),
    ],
}


GRIDFS_INDEXES: dict[str, list[Document]] = {
    FILES: [_index({"filename": 1, "uploadDate": 1})],
    CHUNKS: [_index({"files_id": 1, "n": 1}, unique=True)],
}
"""Those of the GridFS specification. The collections are made where pictures are stored in the database."""


async def create_indexes(database: Database) -> None:
    """Create the indexes that are missing. Those that only earlier releases used are dropped by ``migrations``.

    Raises StartupError where the database, as one of an early series of MongoDB, cannot have one of them.
    """
    for collection, indexes in INDEXES.items():
        try:
            # This takes minutes for a large database without indexes, such as one that was filled by other means.
            await database.command({"createIndexes": collection, "indexes": indexes}, within=BUILDING)
        except OperationFailure as error:
            if error.code != CANNOT_CREATE_INDEX:
                raise
            raise StartupError(
                "the database cannot have an index of JustChat, which needs MongoDB 6.0 or later, with a"
                " featureCompatibilityVersion of 6.0 or later (justchat-admin database show; "
                f'docs/operating-storage.rst, "The embedded MongoDB"): {(error.details or {}).get("errmsg")}'
            ) from error


async def create_gridfs_indexes(database: Database) -> None:
    """Create the indexes of GRIDFS_INDEXES that are missing."""
    for collection, indexes in GRIDFS_INDEXES.items():
        await database.command({"createIndexes": collection, "indexes": indexes}, within=BUILDING)


async def restore_order_clock(database: Database) -> None:
    """Observe the latest numbers that are stored, so that the next number is greater."""
    either = {"$in": [False, True]}
    latest: list[tuple[str, Document, dict[str, int]]] = [
        (LOG, _DIRECT, LATEST),
        (LOG, {"changes": True}, LATEST),
        (ROOMS, {"removed": either, "private": either, "full": either}, NEWEST),
        (COMPLAINTS, {}, NEWEST),
        (SESSIONS, {}, {"order": -1}),
    ]
    for collection, query, order in latest:
        scatter = Scatter.LATEST_OF_ALL
        for document in await database.find(collection, query, sort=order, limit=1, fields=["order"], scatter=scatter):
            database.order_clock.observe(document.get("order"))
