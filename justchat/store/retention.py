"""Retention: what is older than the operator wants to keep goes, in small steps, about once a day.

A pass walks through the rooms, then the users, then the pictures, and last the audit log. Its progress is stored after
each step, so that a start, or another daemon, goes on there. Each step can be done twice.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from attrs import evolve, frozen
from bson import ObjectId

from justchat.errors import RoomNotFound
from justchat.interfaces.pause import Pause
from justchat.metrics.declarations import RETENTION_DELETED
from justchat.model.entry import Expired
from justchat.model.ids import Id
from justchat.model.moment import EPOCH, Clock, Moment
from justchat.model.pictures import pictures_in
from justchat.model.room import Room
from justchat.store.bson import NOTHING_EXPIRED, id_of, moment
from justchat.store.history import History
from justchat.store.indexes import AUDIT, DIALOGS, GIFTS, LOG, PICTURES, ROOMS, USERS, VERSIONS
from justchat.store.log.beginnings import delete_beginning
from justchat.store.log.reader import LogReader
from justchat.store.mailboxes import Mailboxes
from justchat.store.mongo.client import Database, Document
from justchat.store.rooms import Rooms

STREAMS_AT_ONCE = 20
"""Rooms or users that one step looks at."""
DOCUMENTS_AT_ONCE = 200
"""Pictures, dialogs or lines that one step looks at."""
MOST_GIFTS = 1000
MOST_OFTEN, LEAST_OFTEN = timedelta(seconds=1), timedelta(days=1)
"""Bounds of the time from one pass to the next, which else is a tenth of the shortest age."""
PROGRESS = "retention"
"""The id of the document with the progress."""


@frozen(kw_only=True)
class Ages:
    """How old each may become; None is for ever."""

    messages: timedelta | None = None
    direct_messages: timedelta | None = None
    uploads: timedelta | None = None
    audit: timedelta | None = None

    @property
    def shortest(self) -> timedelta | None:
        """The shortest of them."""
        ages = (self.messages, self.direct_messages, self.uploads, self.audit)
        return min((age for age in ages if age is not None), default=None)


@frozen
class _Progress:
    """A pass: when it began, its stage, None at the end, and the id that the stage is behind."""

    began: Moment
    stage: int | None = 0
    after: object = None


class Retention:
    """Deletes what has expired. Every method raises DatabaseAway."""

    def __init__(self, database: Database, rooms: Rooms, mailboxes: Mailboxes, clock: Clock, ages: Ages) -> None:
        self._database = database
        self._rooms = rooms
        self._mailboxes = mailboxes
        self._clock = clock
        self._ages = ages
        self._history = History(database, LogReader(database))
        self._next = EPOCH
        """Before this there is nothing to do."""

    async def run(self, pause: Pause) -> None:
        """Carry out a pass, if one is due. Raises what ``pause`` raises."""
        shortest = self._ages.shortest
        if shortest is None or self._clock() < self._next:
            return
        every = min(max(shortest / 10, MOST_OFTEN), LEAST_OFTEN)
        progress = await self._progress()
        if progress.stage is None:
            self._next = progress.began + every
            if self._clock() < self._next:
                return
            progress = _Progress(self._clock())
        while progress.stage is not None:
            progress = await self._step(progress, pause)
            await self._save(progress)
            await pause()
        self._next = progress.began + every

    async def _step(self, progress: _Progress, pause: Pause) -> _Progress:
        """Do one step of a stage. Returns the progress after it."""
        stages: list[tuple[timedelta | None, Callable[[_Progress, Moment, Pause], Awaitable[object]]]] = [
            (self._ages.messages, self._expire_rooms),
            (self._ages.direct_messages, self._expire_mailboxes),
            (self._ages.uploads, self._keep_photos),
            (self._ages.uploads, self._expire_pictures),
            (self._ages.audit, self._expire_audit),
        ]
        assert progress.stage is not None
        if progress.stage >= len(stages):
            return evolve(progress, stage=None, after=None)
        age, work = stages[progress.stage]
        after = None if age is None else await work(progress, progress.began - age, pause)
        return evolve(progress, stage=progress.stage + (after is None), after=after)

    async def _progress(self) -> _Progress:
        document = await self._database.find_one(VERSIONS, {"_id": PROGRESS})
        if document is None:
            return _Progress(EPOCH, None)
        return _Progress(moment(document["began"]), document["stage"], document["after"])

    async def _save(self, progress: _Progress) -> None:
        change = {"began": progress.began, "stage": progress.stage, "after": progress.after}
        await self._database.upsert(VERSIONS, {"_id": PROGRESS}, {"$set": change})

    async def _page(
        self, collection: str, progress: _Progress, limit: int, fields: list[str], query: Document | None = None
    ) -> tuple[list[Document], object]:
        """Some documents behind the progress, in the order of their ids, and the id to go on behind."""
        beyond: Document = {} if progress.after is None else {"_id": {"$gt": progress.after}}
        found = await self._database.find(
            collection, {**beyond, **(query or {})}, sort={"_id": 1}, limit=limit, fields=fields, hint="_id_"
        )
        return found, found[-1]["_id"] if len(found) == limit else None

    async def _expire_rooms(self, progress: _Progress, before: Moment, pause: Pause) -> object:
        rooms, after = await self._page(ROOMS, progress, STREAMS_AT_ONCE, ["expired", "removed"])
        for room in rooms:
            if not room["removed"]:
                await self._expire_room(room, before, pause)
        return after

    async def _expire_room(self, document: Document, before: Moment, pause: Pause) -> None:
        # Most rooms are done after this, and their heads stay out of memory.
        stream = document["_id"]
        first = await self._database.find(
            LOG, {"stream": stream}, sort={"stream": 1, "seq": 1}, limit=1, fields=["seq", "create_at"]
        )
        if not first:
            return
        before_that = Expired(**document.get("expired", NOTHING_EXPIRED))
        if first[0]["seq"] > before_that.upto and moment(first[0]["create_at"]) >= before:
            return
        try:
            gone = await self._rooms.expire(
                id_of(stream), self._clock(), lambda room, seq: self._find_expired(room, seq, before)
            )
        except RoomNotFound:
            return
        RETENTION_DELETED.count("messages", by=max(0, gone.places - before_that.places))
        while await delete_beginning(self._database, stream, gone.upto):
            await pause()

    async def _find_expired(self, room: Room, seq: int, before: Moment) -> Expired | None:
        """What of a room's log is from before a time: times rise with seqs, but for the clocks of several daemons."""
        gone, rest = room.expired.places, seq - room.message_changes + 1
        if rest - gone <= 1 or not await self._is_old(room, gone + 1, before):
            return None
        gone += 1
        while rest - gone > 1:
            middle = (gone + rest) // 2
            if await self._is_old(room, middle, before):
                gone = middle
            else:
                rest = middle
        upto = await self._history.seq_at(room, gone)
        return Expired(upto, upto - gone)

    async def _is_old(self, room: Room, place: int, before: Moment) -> bool:
        at = {"stream": ObjectId(room.id), "seq": await self._history.seq_at(room, place)}
        found = await self._database.find_one(LOG, at, ["create_at"])
        return found is None or moment(found["create_at"]) < before

    async def _expire_mailboxes(self, progress: _Progress, before: Moment, pause: Pause) -> object:
        users, after = await self._page(USERS, progress, STREAMS_AT_ONCE, ["_id"])
        for user in users:
            await self._expire_mailbox(id_of(user["_id"]), before, pause)
        return after

    async def _expire_mailbox(self, user: Id, before: Moment, pause: Pause) -> None:
        after = await self._mailboxes.expire(user, before, 0)
        while after is not None:
            await pause()
            after = await self._mailboxes.expire(user, before, after)
        # Those with a later message have a later time.
        old: Document = {"owner": ObjectId(user), "at": {"$lt": before}}
        while dialogs := await self._database.find(
            DIALOGS, old, sort={"order": 1, "at": 1}, limit=DOCUMENTS_AT_ONCE, fields=["other"]
        ):
            await self._database.delete_all(DIALOGS, {**old, "other": {"$in": [each["other"] for each in dialogs]}})
            await pause()

    async def _keep_photos(self, progress: _Progress, before: Moment, pause: Pause) -> object:
        """Note which pictures are photos of users, or gifts: these do not expire."""
        if progress.after is None:
            gifts = await self._database.find(GIFTS, {}, sort={"_id": 1}, limit=MOST_GIFTS, fields=["image"])
            await self._keep([gift["image"] for gift in gifts], progress.began)
        users, after = await self._page(USERS, progress, DOCUMENTS_AT_ONCE, ["photo"])
        await self._keep([user.get("photo") or "" for user in users], progress.began)
        return after

    async def _keep(self, texts: list[str], at: Moment) -> None:
        stems = [stem for text in texts for stem in pictures_in(text)]
        if stems:
            await self._database.update_all(PICTURES, {"_id": {"$in": stems}}, {"$set": {"needed_at": at}})

    async def _expire_pictures(self, progress: _Progress, before: Moment, pause: Pause) -> object:
        pictures, after = await self._page(PICTURES, progress, DOCUMENTS_AT_ONCE, ["user", "at", "kept", "needed_at"])
        old = [each for each in pictures if each["kept"] and moment(each["at"]) < before]
        uploaders = list({each["user"] for each in old if each["user"] is not None})
        users = await self._database.find(
            USERS, {"_id": {"$in": uploaders}}, limit=DOCUMENTS_AT_ONCE, fields=["photo"], hint="_id_"
        )
        # Some are photos since a moment ago.
        photos = {stem for user in users for stem in pictures_in(user.get("photo") or "")}
        expired = [each["_id"] for each in old if each["_id"] not in photos]
        if expired:
            # Orphans from now on, which the daemon that has their files removes.
            unneeded = {"_id": {"$in": expired}, "kept": True, "needed_at": {"$not": {"$gte": progress.began}}}
            orphans = await self._database.update_all(PICTURES, unneeded, {"$set": {"kept": False, "at": EPOCH}})
            RETENTION_DELETED.count("uploads", by=orphans)
        return after

    async def _expire_audit(self, progress: _Progress, before: Moment, pause: Pause) -> object:
        lines = await self._database.find(AUDIT, {}, sort={"order": 1}, limit=DOCUMENTS_AT_ONCE, fields=["order", "at"])
        old = [line for line in lines if moment(line["at"]) < before]
        if not old:
            return None
        # All before it, whatever their times: the order is that of their arrival.
        await self._database.delete_all(AUDIT, {"order": {"$lte": old[-1]["order"]}})
        RETENTION_DELETED.count("audit", by=lines.index(old[-1]) + 1)
        return old[-1]["_id"] if len(old) == DOCUMENTS_AT_ONCE else None
