"""Pictures in the database, in the layout of the GridFS specification: any tool that reads GridFS reads them.

The chunks are stored first; the document in ``fs.files`` makes the picture exist.
"""

from collections.abc import Sequence

from bson import Int64
from zope.interface import implementer

from justchat.interfaces.pictures import IRemotePictures
from justchat.model.moment import Clock
from justchat.store.indexes import CHUNKS, FILES, create_gridfs_indexes
from justchat.store.mongo.client import Database, Document
from justchat.store.mongo.pool import Lane

CHUNK = 255 * 1024
"""Bytes of a chunk; the specification's default."""
AT_ONCE = 4
"""Chunks of one command, so that none takes long to encode."""


@implementer(IRemotePictures)
class GridFs:
    """See IRemotePictures. The database has the lane for files."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def start(self) -> None:
        """See IRemotePictures. Creates the indexes that are missing."""
        await create_gridfs_indexes(self._database)

    async def put(self, name: str, content: bytes) -> None:
        """See IRemotePictures."""
        chunks = [content[at : at + CHUNK] for at in range(0, len(content), CHUNK)]
        for first in range(0, len(chunks), AT_ONCE):
            numbered = enumerate(chunks[first : first + AT_ONCE], start=first)
            await self._upsert(CHUNKS, [({"files_id": name, "n": n}, {"data": data}) for n, data in numbered])
        ending = name.rpartition(".")[2]
        kind = "application/zip" if ending == "zip" else f"image/{'jpeg' if ending == 'jpg' else ending}"
        file = {
            "length": Int64(len(content)),
            "chunkSize": CHUNK,
            "uploadDate": self._clock(),
            "filename": name,
            "metadata": {"contentType": kind},
        }
        await self._upsert(FILES, [({"_id": name}, file)])

    async def get(self, name: str) -> bytes | None:
        """See IRemotePictures."""
        files = await self._database.find(FILES, {"_id": name}, limit=1, lane=Lane.FILES)
        if not files:
            return None
        length = files[0]["length"]
        chunks = await self._database.find(
            CHUNKS,
            {"files_id": name},
            sort={"n": 1},
            limit=length // CHUNK + 1,
            batch=AT_ONCE,
            lane=Lane.FILES,
        )
        content = b"".join(chunk["data"] for chunk in chunks)
        # Where chunks are missing, it is being removed.
        return content if len(content) == length else None

    async def remove(self, names: Sequence[str]) -> None:
        """See IRemotePictures."""
        for collection, field in ((FILES, "_id"), (CHUNKS, "files_id")):
            await self._database.delete_all(collection, {field: {"$in": list(names)}}, lane=Lane.FILES)

    async def _upsert(self, collection: str, documents: Sequence[tuple[Document, Document]]) -> None:
        updates = [(query, {"$set": fields}) for query, fields in documents]
        await self._database.upsert_many(collection, updates, lane=Lane.FILES)
