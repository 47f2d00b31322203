"""Migrates folded texts of another version at the start: those of an earlier release, or of a Python with another
version of Unicode.

One document has the version of all folded texts, and is written last. Where a crash interrupts the migration, the next
start begins again; documents that are up to date are not written.
"""

from collections.abc import Callable, Mapping

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.errors import ApiError
from justchat.model.text import FOLD_VERSION
from justchat.store.bson import searched_name
from justchat.store.bson_users import searched_nickname
from justchat.store.indexes import ROOMS, USERS, VERSIONS
from justchat.store.mongo.client import Database, Document

STEP = 100
"""Documents of one step, so that no step holds the reactor for more than some milliseconds."""
SEARCHED: Mapping[str, tuple[str, Callable[[str], Document]]] = {
    ROOMS: ("name", searched_name),
    USERS: ("nickname", searched_nickname),
}
"""By collection: the field by which its documents are searched, and the function that folds it."""
START_TIMEOUT = 10.0
"""Seconds that a start waits for the migration: enough for 100,000 names. The rest is done while the daemon serves."""
_log = Logger()


class Folding:
    """The migration, as a part of the daemon's start."""

    def __init__(self, database: Database, reactor: IReactorTime) -> None:
        self._database = database
        self._reactor = reactor
        self._work: Deferred[None] | None = None

    async def start(self) -> None:
        """Returns when all is migrated, or after START_TIMEOUT; then some names are found by their old form alone for a
        while.
        """
        self._work = Deferred.fromCoroutine(self._fold())
        waited: Deferred[None] = Deferred()
        self._work.addCallback(lambda _: None if waited.called else waited.callback(None))
        await waited.addTimeout(START_TIMEOUT, self._reactor, lambda *_: None)

    async def _fold(self) -> None:
        try:
            await refold(self._database)
        except (ApiError, CancelledError) as error:
            _log.warn("the next start continues to fold names for searches: {error!r}", error=error)
        except Exception:
            _log.failure("names cannot be folded for searches")

    def stop(self) -> None:
        """Leave the rest to the next start."""
        if self._work is not None:
            self._work.cancel()


async def refold(database: Database) -> int:
    """Migrate the folded texts to this version; returns how many were changed. Raises DatabaseAway."""
    known = await database.find_one(VERSIONS, {"_id": "fold"})
    if known is not None and known["version"] == FOLD_VERSION:
        return 0
    changed = 0
    for collection, (text, searched) in SEARCHED.items():
        changed += await _fold_collection(database, collection, text, searched)
    await database.upsert(VERSIONS, {"_id": "fold"}, {"$set": {"version": FOLD_VERSION}})
    if changed:
        _log.info("{changed} names were folded again for searches", changed=changed)
    return changed


async def _fold_collection(database: Database, collection: str, text: str, searched: Callable[[str], Document]) -> int:
    changed = 0
    query: Document = {}
    while documents := await database.find(
        collection, query, sort={"_id": 1}, limit=STEP, fields=["_id", text, "folded"]
    ):
        query = {"_id": {"$gt": documents[-1]["_id"]}}
        updates = []
        for document in documents:
            written = document.get(text)
            fields = searched(written) if written else {"folded": None}
            if fields["folded"] != document.get("folded"):
                # The query fails where the text has changed since: that change has folded it.
                updates.append(({"_id": document["_id"], text: written}, {"$set": fields}))
        if updates:
            await database.update_each(collection, updates)
            changed += len(updates)
        await deferLater(reactor, 0)
    return changed
