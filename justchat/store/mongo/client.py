"""The connection to MongoDB: every operation is timed, and what goes wrong has one name, DatabaseAway."""

import warnings
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from bson import Int64, encode
from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    CursorNotFound,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidURI,
    NotPrimaryError,
    PyMongoError,
)
from pymongo.uri_parser import parse_uri
from twisted.internet import reactor as default_reactor
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IWriteDescriptor
from twisted.internet.ssl import (
    Certificate,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from txmongo.connection import ConnectionPool
from txmongo.errors import TimeExceeded
from txmongo.protocol import MongoAuthenticationError, Msg

from justchat.errors import DatabaseAway, StartupError
from justchat.store.arrivals import Arrivals
from justchat.store.turns import Turns

Document = dict[str, Any]

OPERATION_TIMEOUT = 4.0
"""Seconds. A call has 5 to answer 503 in."""
READ_TIME = 3.5
"""Seconds after which the database gives up a read by itself: what nobody waits for any more must not go on."""


class Lane(Enum):
    """Connections apart from others, since the database answers those of one in their order."""

    LOG = "log"
    """Inserts of the logs."""
    ORDINARY = "ordinary"
    """Whatever takes milliseconds."""
    SLOW = "slow"
    """Reads that may take long, and had to wait for their turn."""


CONNECTIONS = {Lane.LOG: 2, Lane.ORDINARY: 4}
"""Each of the two logs has one insert under way; more for what is ordinary were slower (docs/design.rst). Slow reads
have one for each turn.
"""


DEFAULT_NAME = "justchat"
DURABLE = {"w": "majority", "j": True}
CODEC: CodecOptions[Document] = CodecOptions(tz_aware=False)
"""Times come without their zone, UTC: to give it to them costs a third of what decoding a message does, and not all are
wanted. (documents.py gives it.)
"""
PART = 16 * 1024 * 1024
"""Bytes of documents in one insert: a third of what a message may have."""
DUPLICATE = 11000
"""MongoDB's code for what a unique index refuses."""
STEPPED_DOWN = frozenset({91, 189, 10107, 11600, 11602, 13435, 13436})
"""Its codes for what a server that stops, or is no more the primary, broke off in the middle."""

_AWAY = (
    AutoReconnect,
    ConnectionFailure,
    NotPrimaryError,
    TimeExceeded,
    CancelledError,
    DeferredTimeout,
    MongoAuthenticationError,
    ExecutionTimeout,
    CursorNotFound,
)


class Database:
    """One MongoDB database. Writes are acknowledged when they are in the journal of a majority.

    ``turns`` bounds the slow reads that are under way at once; without it there may be any number.
    """

    def __init__(self, uri: str, turns: Turns | None = None) -> None:
        self._uri = uri
        self._parsed = parse_uri(uri)
        self._options = {key.lower(): value for key, value in self._parsed["options"].items()}
        self._pools: dict[Lane, Any] = {}
        self._turns = turns
        self.arrivals = Arrivals()
        """Numbers what is stored by the order in which it comes."""

    def open(self) -> None:
        """Begin to connect; operations wait for that."""
        parsed = self._parsed
        sizes = {**CONNECTIONS, **({Lane.SLOW: self._turns.at_once} if self._turns else {})}
        self._pools = {lane: self._connect(size) for lane, size in sizes.items()}
        self._name = parsed["database"] or DEFAULT_NAME
        self._database = self._pools[Lane.ORDINARY][self._name]

    def _connect(self, size: int) -> Any:
        parsed, options = self._parsed, self._options
        pool = _Pool(
            self._uri,
            pool_size=size,
            ssl_context_factory=_tls(parsed["nodelist"][0][0], options),
            codec_options=CODEC,
            # The delay between attempts to connect grows to this. (retry_delay is the connect timeout too.)
            max_delay=1.0,
            **DURABLE,
        )
        if parsed["username"]:
            # txmongo takes credentials from a URI only when the URI names a database.
            source = options.get("authsource") or parsed["database"] or "admin"
            mechanism = options.get("authmechanism", "DEFAULT")
            pool.authenticate(source, parsed["username"], parsed["password"] or "", mechanism)
        return pool

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.disconnect()

    async def ping(self) -> None:
        """Raises DatabaseAway unless the database answers."""
        await self.command({"ping": 1})

    async def command(
        self, command: Document, *, patience: float = OPERATION_TIMEOUT, lane: Lane = Lane.ORDINARY
    ) -> Document:
        """Run a database command, within so many seconds; ``command`` itself is left as it is."""
        return await self._run(encode({**command, "$db": self._name}), {}, patience, lane)

    async def _read(self, command: Document, lane: Lane) -> Document:
        return await self.command({**command, "maxTimeMS": int(READ_TIME * 1000)}, lane=lane)

    async def _run(
        self,
        command: bytes,
        more: dict[str, list[bytes]],
        patience: float = OPERATION_TIMEOUT,
        lane: Lane = Lane.ORDINARY,
    ) -> Document:
        """An OP_MSG and its answer. txmongo's own way to send it, past sessions nobody uses, takes twice as long."""
        connected = self._pools[lane].getprotocol()
        connection = await (connected if connected.called else _timed(connected, patience))
        answering = connection.send_msg(Msg(body=command, payload=more), CODEC, None)
        if IWriteDescriptor.providedBy(connection.transport):
            # Now: the reactor would do it after all else of this turn, and the database has its own processor.
            connection.transport.doWrite()
        answer: Document = await _timed(answering, patience)
        return answer

    async def find_one(self, collection: str, query: Document, fields: Sequence[str] | None = None) -> Document | None:
        documents = await self.find(collection, query, limit=1, fields=fields)
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
    ) -> list[Document]:
        """The first ``limit`` documents of a query; ``fields`` are names, or a projection.

        Large documents are read ``batch`` at a time: others have a turn of the reactor between. ``slow`` is the user
        for whom a query is made that may take long. Raises TooManyRequests for those alone.

        A command of our own: txmongo's find() takes no hint, and costs more than all else of a short read.
        """
        wanted: Document = {"find": collection, "filter": query}
        if sort:
            wanted["sort"] = dict(sort)
        if fields:
            wanted["projection"] = dict(fields) if isinstance(fields, Mapping) else dict.fromkeys(fields, 1)
        if hint:
            wanted["hint"] = hint
        wanted |= {"skip": skip, "limit": limit, "batchSize": batch or limit}
        if slow is None or self._turns is None:
            return await self._read_all(wanted, Lane.ORDINARY)
        async with self._turns.turn(slow):
            return await self._read_all(wanted, Lane.SLOW)

    async def _read_all(self, find: Document, lane: Lane) -> list[Document]:
        cursor = (await self._read(find, lane))["cursor"]
        found: list[Document] = cursor["firstBatch"]
        while cursor["id"]:  # the rest, where a batch was asked for, or more than the 16 MiB that fit into an answer
            more = {"getMore": Int64(cursor["id"]), "collection": find["find"], "batchSize": find["batchSize"]}
            cursor = (await self.command(more, lane=lane))["cursor"]
            found += cursor["nextBatch"]
        return found

    async def insert(self, collection: str, document: Document) -> bool:
        """False where a unique index refuses."""
        try:
            await _timed(self._database[collection].insert_one(document))
        except DuplicateKeyError:
            return False
        return True

    async def insert_many(self, collection: str, documents: Sequence[Document]) -> tuple[int, Document | None]:
        """Insert in order up to the first that a unique index refuses.

        Returns how many were inserted, and the index's key of the one refused.
        """
        command = encode({"insert": collection, "ordered": True, "writeConcern": DURABLE, "$db": self._name})
        inserted = 0
        for part in _parts([encode(document) for document in documents]):
            answer = await self._run(command, {"documents": part}, lane=Lane.LOG)
            if "writeErrors" in answer:
                (refusal,) = answer["writeErrors"]
                if refusal["code"] in STEPPED_DOWN:
                    raise DatabaseAway
                if refusal["code"] != DUPLICATE:
                    raise BulkWriteError(answer)
                return inserted + refusal["index"], refusal.get("keyPattern", {})
            if "writeConcernError" in answer:  # stored here, but perhaps not to stay
                raise DatabaseAway
            inserted += len(part)
        return inserted, None

    async def update(self, collection: str, query: Document, update: Any) -> bool:
        """Whether a document matched."""
        result = await _timed(self._database[collection].update_one(query, update))
        return bool(result.matched_count)

    async def upsert(self, collection: str, query: Document, update: Any) -> None:
        """Update the document that matches, or make one."""
        try:
            await _timed(self._database[collection].update_one(query, update, upsert=True))
        except DuplicateKeyError:
            # Two made it at once; now there is one to update.
            await _timed(self._database[collection].update_one(query, update, upsert=True))

    async def upsert_many(self, collection: str, updates: Sequence[tuple[Document, Any]]) -> None:
        """For each query: update the document that matches, or make one, unless a unique index refuses that.

        One command, for less than 16 MiB.
        """
        statements = [{"q": query, "u": update, "upsert": True} for query, update in updates]
        for _ in range(2):
            answer = await self.command(
                {"update": collection, "updates": statements, "ordered": False, "writeConcern": DURABLE}
            )
            errors = answer.get("writeErrors", [])
            # Where two make one at once, there may be one to update afterwards.
            if any(error["code"] != DUPLICATE for error in errors):
                raise BulkWriteError(answer)
            statements = [statements[error["index"]] for error in errors]
            if not statements:
                return

    async def update_all(self, collection: str, query: Document, update: Any) -> None:
        """Update every document that matches: for queries that are bounded."""
        await _timed(self._database[collection].update_many(query, update))

    async def delete_all(self, collection: str, query: Document) -> None:
        """Delete every document that matches: for queries that are bounded."""
        await _timed(self._database[collection].delete_many(query))

    async def count(self, collection: str, query: Document, *, slow: str | None = None) -> int:
        """How many documents match; ``slow`` as for ``find``."""
        rows = await self.aggregate(
            collection, [{"$match": query}, {"$group": {"_id": 1, "n": {"$sum": 1}}}], slow=slow
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
        """What comes out of a pipeline: 16 MiB at most, so for what is bounded by nature."""
        command: Document = {"aggregate": collection, "pipeline": list(pipeline), "cursor": {"batchSize": 2**31 - 1}}
        if hint:
            command["hint"] = hint
        if slow is None or self._turns is None:
            answer = await self._read(command, Lane.ORDINARY)
        else:
            async with self._turns.turn(slow):
                answer = await self._read(command, Lane.SLOW)
        documents: list[Document] = answer["cursor"]["firstBatch"]
        return documents

    async def replace(self, collection: str, query: Document, document: Document) -> None:
        await _timed(self._database[collection].replace_one(query, document))

    async def update_and_get(
        self, collection: str, query: Document, update: Any, *, before: bool = False
    ) -> Document | None:
        """Update one document and return it, as it was before or is after."""
        result = await self.command(
            {
                "findAndModify": collection,
                "query": query,
                "update": update,
                "new": not before,
                "writeConcern": DURABLE,
            }
        )
        document: Document | None = result["value"]
        return document

    async def upsert_and_get(
        self, collection: str, query: Document, update: Any, *, after: bool = False
    ) -> Document | None:
        """Update one document, or make one, and return it, as it was before (None: not there) or is after."""
        command = {
            "findAndModify": collection,
            "query": query,
            "update": update,
            "upsert": True,
            "new": after,
            "writeConcern": DURABLE,
        }
        try:
            result = await self.command(command)
        except DuplicateKeyError:
            # Two made it at once; now there is one to update.
            result = await self.command(command)
        document: Document | None = result["value"]
        return document

    async def delete_and_get(self, collection: str, query: Document) -> Document | None:
        """Delete one document and return it."""
        result = await self.command(
            {
                "findAndModify": collection,
                "query": query,
                "remove": True,
                "writeConcern": DURABLE,
            }
        )
        document: Document | None = result["value"]
        return document


def _parts(documents: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Documents as they fit into messages."""
    part: list[bytes] = []
    size = 0
    for document in documents:
        if size + len(document) > PART and part:
            yield part
            part, size = [], 0
        part.append(document)
        size += len(document)
    if part:
        yield part


async def _timed(operation: Awaitable[Any], patience: float = OPERATION_TIMEOUT) -> Any:
    """The result of an operation, or DatabaseAway when it takes too long or the connection breaks."""
    deferred = operation if isinstance(operation, Deferred) else ensureDeferred(operation)  # type: ignore[arg-type]
    deferred.addTimeout(patience, default_reactor)
    try:
        return await deferred
    except _AWAY as error:
        raise DatabaseAway from error


def check_reachable(uri: str) -> None:
    """Raises StartupError with one line unless the database of this URI lets us in. Blocks, at most 5 s.

    txmongo retries for ever and keeps a wrong password to itself; pymongo says what is wrong.
    """
    try:
        _parse(uri)
    except (InvalidURI, ConfigurationError, ValueError, Warning) as error:
        raise StartupError(f"[mongo] uri: {_without_password(uri, error)}") from None
    except OSError as error:  # of a file that it names
        raise StartupError(f"[mongo] uri: {error}") from error
    try:
        with MongoClient[Document](uri, serverSelectionTimeoutMS=4000, connectTimeoutMS=4000) as client:
            client[client.get_default_database(DEFAULT_NAME).name].command("ping")
            client.get_default_database(DEFAULT_NAME)["rooms"].find_one({}, projection=["_id"])
    except (InvalidURI, ConfigurationError, ValueError, OSError) as error:
        raise StartupError(f"[mongo] uri: {error}") from error
    except PyMongoError as error:
        reason = str(error).partition(", full error")[0].partition(", Timeout:")[0].partition(" (configured")[0]
        raise StartupError(f"[mongo] uri: the database cannot be reached: {reason}") from error


def _parse(uri: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of options it does not know
        parse_uri(uri)


def _without_password(uri: str, error: Exception) -> str:
    """What is wrong with a URI. Of a password with characters of its own, pymongo quotes a part."""
    scheme, _, rest = uri.partition("://")
    _, at, hosts = rest.rpartition("@")
    if not at:
        return str(error)
    try:
        _parse(f"{scheme}://{hosts}")
    except Exception as other:
        return str(other)
    return "a user and a password in it must be percent-encoded"


class _Pool(ConnectionPool):  # type: ignore[misc]
    """A pool that reaches Unix sockets too: the embedded database listens on nothing else.

    txmongo has no hook for that, so its two private methods that know of host and port are replaced.
    """

    def _ConnectionPool__tcp_or_ssl_connect(self, host: str, port: int | None, factory: Any, **options: Any) -> Any:
        if host.startswith("/"):
            return default_reactor.connectUNIX(host, factory, **options)  # type: ignore[attr-defined]
        return super()._ConnectionPool__tcp_or_ssl_connect(host, port, factory, **options)

    def _ConnectionPool__discovery_nodes_to_ping(self) -> None:
        # A ping finds a peer that vanished from the network. A Unix socket's peer is on this machine.
        if not self.uri["nodelist"][0][0].startswith("/"):
            super()._ConnectionPool__discovery_nodes_to_ping()


def _tls(host: str, options: Mapping[str, Any]) -> Any:
    """What the URI's tls… options ask for: None, or how to connect."""
    if not (options.get("tls") or options.get("ssl")):
        return None
    try:
        authority = options.get("tlscafile")
        pair = options.get("tlscertificatekeyfile")
        return optionsForClientTLS(
            host,
            trustRoot=_authorities(authority) if authority else None,
            clientCertificate=PrivateCertificate.loadPEM(_read(pair)) if pair else None,
        )
    except OSError as error:
        raise StartupError(f"[mongo] uri: {error.filename}: {error.strerror}") from error


def _authorities(file: str) -> Any:
    pem = _read(file)
    end = b"-----END CERTIFICATE-----"
    certificates = [Certificate.loadPEM(part + end) for part in pem.split(end)[:-1]]
    return trustRootFromCertificates(certificates)


def _read(file: str) -> bytes:
    with open(file, "rb") as opened:
        return opened.read()
