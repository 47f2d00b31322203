"""Folded texts of another version are made anew at the start: those of an earlier release, or of a Python that knows
another Unicode.

The version of all of them stands in one document, written last. What a crash interrupts the next start begins again;
documents that are right are not written.
"""

from collections.abc import Callable, Mapping

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.errors import ApiError
from justchat.model.text import FOLD_VERSION
from justchat.store.bson import searched_name, searched_nickname
from justchat.store.indexes import ROOMS, USERS, VERSIONS
from justchat.store.mongo.client import Database, Document

STEP = 100
"""Documents of one step, so that none holds the reactor for more than some milliseconds."""
SEARCHED: Mapping[str, tuple[str, Callable[[str], Document]]] = {
    ROOMS: ("name", searched_name),
    USERS: ("nickname", searched_nickname),
}
"""The text by which the documents of a collection are searched, and what is made of it."""
PATIENCE = 10.0
"""Seconds that a start waits for it: enough for 100,000 names. The rest is done beside the daemon's other work."""
_log = Logger()


class Folding:
    """Brings the folded texts to this version, once the daemon starts."""

    def __init__(self, database: Database, reactor: IReactorTime) -> None:
        self._database = database
        self._reactor = reactor
        self._work: Deferred[None] | None = None

    async def start(self) -> None:
        """Returns when it is done, or after PATIENCE; then some names are found by their old form alone for a while."""
        self._work = Deferred.fromCoroutine(self._fold())
        waited: Deferred[None] = Deferred()
        self._work.addCallback(lambda _: None if waited.called else waited.callback(None))
        await waited.addTimeout(PATIENCE, self._reactor, lambda *_: None)

    async def _fold(self) -> None:
        try:
            await fold_anew(self._database)
        except (ApiError, CancelledError) as error:
            _log.warn("the next start goes on folding names for searches: {error!r}", error=error)
        except Exception:
            _log.failure("names cannot be folded for searches")

    def stop(self) -> None:
        """Leave the rest to the next start."""
        if self._work is not None:
            self._work.cancel()


async def fold_anew(database: Database) -> int:
    """Bring the folded texts to this version; returns how many were not. Raises DatabaseAway."""
    known = await database.find_one(VERSIONS, {"_id": "fold"})
    if known is not None and known["version"] == FOLD_VERSION:
        return 0
    changed = 0
    for collection, (text, searched) in SEARCHED.items():
        changed += await _fold_collection(database, collection, text, searched)
    await database.upsert(VERSIONS, {"_id": "fold"}, {"$set": {"version": FOLD_VERSION}})
    if changed:
        _log.info("{changed} names were folded anew for searches", changed=changed)
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
                # Unless somebody has changed it by now, who has folded it as well.
                updates.append(({"_id": document["_id"], text: written}, {"$set": fields}))
        if updates:
            await database.update_each(collection, updates)
            changed += len(updates)
        await deferLater(reactor, 0)
    return changed
