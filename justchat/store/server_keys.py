"""Server keys, in MongoDB. Only the digest of a key is kept: it has 192 random bits, so no slow hash is needed.

Nothing is cached: a key is read at each call, so a revocation holds at every daemon at once.
"""

from hashlib import sha256

from bson import ObjectId
from zope.interface import implementer

from justchat.interfaces.server_keys import IServerKeys
from justchat.model.ids import Id, as_id, is_well_formed
from justchat.model.moment import Moment
from justchat.model.server_key import Scope, ServerKey
from justchat.store.bson import id_of, moment, moment_or_none
from justchat.store.indexes import SERVER_KEYS
from justchat.store.mongo.client import Database, Document


@implementer(IServerKeys)
class ServerKeys:
    """See IServerKeys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ServerKey, written: str) -> bool:
        return await self._database.insert(
            SERVER_KEYS,
            {
                "_id": ObjectId(key.id),
                "name": key.name,
                "digest": _digest(written),
                "scopes": sorted(key.scopes),
                "networks": list(key.networks),
                "create_at": key.created_at,
                "revoked": False,
            },
        )

    async def find(self, written: str) -> ServerKey | None:
        document = await self._database.find_one(SERVER_KEYS, {"digest": _digest(written)})
        return None if document is None else _key(document)

    async def named(self, name_or_id: str) -> ServerKey | None:
        document = await self._database.find_one(SERVER_KEYS, {"name": name_or_id, "revoked": False})
        if document is None and is_well_formed(as_id(name_or_id)):
            document = await self._database.find_one(SERVER_KEYS, {"_id": ObjectId(name_or_id)})
        return None if document is None else _key(document)

    async def latest(self, limit: int, *, revoked: bool, skip: int = 0) -> list[ServerKey]:
        # All are read in the order of one index: there are few, and nobody revokes thousands.
        query = {} if revoked else {"revoked": False}
        documents = await self._database.find(
            SERVER_KEYS, query, sort={"create_at": -1, "_id": -1}, skip=skip, limit=limit
        )
        return [_key(document) for document in documents]

    async def note_use(self, key: Id, at: Moment, address: str | None) -> None:
        await self._database.update(
            SERVER_KEYS, {"_id": ObjectId(key)}, {"$set": {"used_at": at, "used_from": address}}
        )

    async def revoke(self, key: Id, at: Moment) -> bool:
        change = {"$set": {"revoked": True, "revoked_at": at}}
        return await self._database.update(SERVER_KEYS, {"_id": ObjectId(key), "revoked": False}, change)


def _digest(written: str) -> bytes:
    return sha256(written.encode("utf-8", "surrogatepass")).digest()


def _key(document: Document) -> ServerKey:
    known = frozenset(Scope)
    return ServerKey(
        id=id_of(document["_id"]),
        name=document["name"],
        # A later release may know more scopes.
        scopes=frozenset(Scope(scope) for scope in document["scopes"] if scope in known),
        networks=tuple(document["networks"]),
        created_at=moment(document["create_at"]),
        used_at=moment_or_none(document.get("used_at")),
        used_from=document.get("used_from"),
        revoked_at=moment_or_none(document.get("revoked_at")),
    )
