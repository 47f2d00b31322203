"""Notices: a service message reaches the one it is about when that one is not, or no more, in the room.

It is put into their own stream, so that it is numbered and kept like all that is addressed to them.
"""

from collections.abc import Iterable
from contextlib import suppress

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.errors import RoomNotFound, Unavailable
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.rooms import IRooms
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, derived_id
from justchat.model.room import Room
from justchat.protocol.events import absent

TRIES = 60


class AbsenteeNotices:
    """Told of every entry of a room, like Delivery."""

    _log = Logger()

    def __init__(self, mailboxes: IMailboxes, reactor: object) -> None:
        self._mailboxes = mailboxes
        self._reactor = reactor

    def hear(self, room: Room, entry: Entry) -> None:
        """Nobody waits for a notice: the entry it tells of has happened."""
        for user in absent(room, entry):
            Deferred.fromCoroutine(self._put(user, entry)).addErrback(
                lambda failure: self._log.failure("a notice was not kept", failure)
            )

    async def _put(self, user: Id, entry: Entry) -> None:
        for _ in range(TRIES):
            try:
                return await self._append(user, entry)
            except Unavailable:
                await deferLater(self._reactor, 1.0)  # type: ignore[arg-type]
        self._log.warn("a notice of {entry} waits for the next start", entry=entry.id)

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
        """After a crash: put the notices of the latest entries that it may have kept from being put."""
        for entry in entries:
            # Of these it is certain that the one they are about was out afterwards.
            if entry.kind not in (Kind.LEAVE, Kind.KICK, Kind.BAN, Kind.REMOVE_ROOM):
                continue
            with suppress(RoomNotFound):
                room = await rooms.get(entry.stream)
                if entry.kind is Kind.BAN and entry.user not in room.visitors:
                    continue  # of somebody who was never inside
                for user in room.users if entry.kind is Kind.REMOVE_ROOM else [entry.user or entry.author]:
                    await self._append(user, entry)
