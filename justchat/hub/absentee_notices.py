"""Absentee notices: a service message reaches the user whom it concerns and who is not, or no longer, in the room.

The notice is an entry of that user's own stream, so it is numbered and stored like everything addressed to them.
"""

from collections.abc import Iterable
from contextlib import suppress

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.errors import RoomNotFound, Unavailable
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.rooms import IRooms
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, derived_id
from justchat.model.room import Room
from justchat.protocol.events import absentees

STORE_ATTEMPTS = 60
"""Attempts to store a notice, one second apart. After that the next start of the daemon stores it."""


class AbsenteeNotices:
    """Subscriber of rooms, like the publisher."""

    _log = Logger()

    def __init__(self, mailboxes: IMailboxes, reactor: IReactorTime) -> None:
        self._mailboxes = mailboxes
        self._reactor = reactor
        self.pending = 0
        """Notices that are being stored."""

    def on_entry(self, room: Room, entry: Entry) -> None:
        """Store the notices of a room's entry. Nobody waits for them: the entry is durable already."""
        if entry.kind is Kind.MESSAGE:
            return
        for user in absentees(room, entry):
            Deferred.fromCoroutine(self._store(user, entry)).addErrback(
                lambda failure: self._log.failure("a notice was not stored", failure)
            )

    async def _store(self, user: Id, entry: Entry) -> None:
        self.pending += 1
        try:
            for _ in range(STORE_ATTEMPTS):
                try:
                    return await self._append(user, entry)
                except Unavailable:
                    await deferLater(self._reactor, 1.0)
        finally:
            self.pending -= 1
        self._log.warn("the notice of {entry} is stored at the next start", entry=entry.id)

    async def _append(self, user: Id, entry: Entry) -> None:
        def make(id: Id, seq: int) -> Entry:
            return Entry(
                id=id,
                stream=user,
                seq=seq,
                kind=Kind.NOTICE,
                author=entry.author,
                user=user,
                created_at=entry.created_at,
                ref_message=entry,
            )

        await self._mailboxes.append_once(user, derived_id("notice", entry.id, user), make)

    async def catch_up(self, rooms: IRooms, entries: Iterable[Entry]) -> None:
        """Store the notices of the latest entries, which a crash may have prevented."""
        for entry in entries:
            # After an entry of these kinds it is certain that the user was not in the room.
            if entry.kind not in (Kind.LEAVE, Kind.KICK, Kind.BAN, Kind.REMOVE_ROOM):
                continue
            with suppress(RoomNotFound):
                room = await rooms.get(entry.stream)
                if entry.kind is Kind.BAN and entry.user not in room.visitors:
                    continue  # a ban of a user who was never in the room
                for user in room.users if entry.kind is Kind.REMOVE_ROOM else [entry.user or entry.author]:
                    await self._append(user, entry)
