"""Rooms: create, remove, search, enter, leave."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import ClassVar

from attrs import frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.actions.login_attempts import RoomPasswordAttempts
from justchat.actions.presence import current_room, is_inside, vacate
from justchat.actions.word_filter import WordFilter
from justchat.errors import ApiError, Conflict, DatabaseAway, RoomNotFound, TooManyRooms, Unavailable, WrongPassword
from justchat.interfaces.counters import CountAction
from justchat.interfaces.realtime import IArrivals
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.interfaces.workers import HashOwner, IPasswords
from justchat.metrics.declarations import WRONG_KEYS
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock
from justchat.model.room import ListedRoom, Room, RoomSearch
from justchat.model.text import as_password, password_forms
from justchat.policy import check_enter, check_not_banned, check_remove, needs_password

RETRIES, RETRY_INTERVAL = 20, 0.5
"""Together as long as a claim of a move holds; the interval is in seconds."""


@frozen(kw_only=True)
class RoomActions:
    """What a user can do with rooms."""

    _log: ClassVar[Logger] = Logger()

    users: IUsers
    rooms: IRooms
    words: WordFilter
    passwords: IPasswords
    password_attempts: RoomPasswordAttempts
    clock: Clock
    rooms_per_user: int | None
    """None for an app's own server, which may create any number for an admin."""
    count_entering: CountAction
    arrivals: IArrivals | None = None
    """None for a daemon alone."""

    async def create(
        self,
        user: Id,
        name: str,
        password: str | None,
        max_users: int,
        idempotency_id: Id | None = None,
        *,
        slow_mode: int = 0,
    ) -> Room:
        """Create a room. Its creator is the admin, and is not yet inside.

        A retry with the same ``idempotency_id`` returns the first room. Raises Rejected for the name, TooManyRooms.
        """
        name = self.words.checked(name)
        most = self.rooms_per_user
        if most is not None and await self.rooms.count_of_admin(user, most) >= most:
            return await self._created_before(idempotency_id)
        secret = as_password(password or "")
        room = Room(
            id=idempotency_id or new_id(),
            name=name,
            admin=user,
            created_at=self.clock(),
            max_users=max_users,
            slow_mode=slow_mode,
            password=await self.passwords.hash(secret, HashOwner("rooms", user)) if secret else None,
        )
        try:
            await self.rooms.create(room)
        except Conflict:
            if idempotency_id is None:
                raise
            return await self.rooms.get(idempotency_id)
        return room

    async def _created_before(self, idempotency_id: Id | None) -> Room:
        """The room that an earlier try of this call created, as the last one that the user may have."""
        if idempotency_id is not None:
            with suppress(RoomNotFound):
                return await self.rooms.get(idempotency_id)
        raise TooManyRooms

    async def enter(self, user: Id, room_id: Id, password: str | None, address: str | None = None) -> Room:
        """Enter a room, and leave the one before.

        Raises RoomNotFound, Banned, WrongPassword, RoomFull; TooManyRequests after too many entries or wrong
        passwords. A password that was not checked is not counted.
        """
        room = await self.rooms.latest(room_id)
        check_not_banned(room, user)
        if needs_password(room, user):
            await self._check_password(user, room, password or "", address)
        check_enter(room, user)
        if user in room.users:
            return room
        self.count_entering(user, room.id)
        return await self._move(user, room)

    async def put(self, user: Id, room_id: Id) -> Room:
        """Let a user enter a room as its admin wishes, without the password, and leave the one before.

        Raises RoomNotFound, UserNotFound, Banned, RoomFull.
        """
        room = await self.rooms.latest(room_id)
        await self.users.exists(user)
        check_enter(room, user)
        return room if user in room.users else await self._move(user, room)

    async def _move(self, user: Id, room: Room) -> Room:
        """Let a user enter, and leave the room before.

        A user is in one room at a time, which the logs of two rooms and the user's document must agree on. A move is
        claimed in the document; the new room's log gets its entry first, since that room may refuse; the old room's log
        gets its entry; the claim is settled. ``finish_moves`` completes what a crash interrupts. Where the database is
        away, the move is completed or given up once it is back.
        """
        room_id = room.id

        def propose(room: Room, seq: int) -> Entry | None:
            check_enter(room, user)
            return None if user in room.users else self._entry(room, seq, Kind.NEW_ROOMMATE, user)

        previous, interrupted = await self._claim(user, room.id)
        try:
            await self._arrive(user, previous)
            room, entry = await self.rooms.append(room.id, propose)
        except DatabaseAway:
            # The entry may be stored all the same, and then it stays.
            self._later(lambda: self._resolve(user, previous, interrupted, room_id))
            raise
        except BaseException:
            await self._undo_move(user, previous, interrupted, room.id)
            raise
        order = entry.order if entry is not None else None
        try:
            if not await self._settle_move(user, [previous, interrupted], room.id, order):
                await self._claim_again(user, room.id)
        except Unavailable:
            self._later(lambda: self._resolve(user, previous, interrupted, room_id))
            raise
        return room

    async def _claim(self, user: Id, to: Id) -> tuple[Id | None, Id | None]:
        """Begin a move (see IUsers). A claim of which nobody knows whether it is stored is released later."""
        try:
            return await self.users.begin_move(user, to)
        except DatabaseAway:
            self._later(lambda: self.users.abandon_move(user, to))
            raise

    def _later(self, act: Callable[[], Awaitable[None]]) -> None:
        """Act once the database is back. If that takes long, ``finish_moves`` does."""
        Deferred.fromCoroutine(self._retry(act)).addErrback(
            lambda failure: self._log.failure("a move was not settled", failure)
        )

    async def _retry(self, act: Callable[[], Awaitable[None]]) -> None:
        for _ in range(RETRIES):
            await deferLater(reactor, RETRY_INTERVAL)
            with suppress(ApiError):
                return await act()

    async def _resolve(self, user: Id, previous: Id | None, interrupted: Id | None, to: Id) -> None:
        """Settle or undo a move whose entry was in doubt. What is proposed here comes after that is decided."""
        room, _ = await self.rooms.append(to, lambda room, seq: None)
        if user not in room.users:
            await self._undo_move(user, previous, interrupted, to)
        elif not await self._settle_move(user, [previous, interrupted], to):
            await self._claim_again(user, to)

    async def _claim_again(self, user: Id, to: Id) -> None:
        """Settle a move whose claim is lost: this daemon was suspended for so long that another removed the claim. The
        user is inside, and may have entered another room since.
        """
        previous, interrupted = await self.users.begin_move(user, to)
        if await is_inside(user, to, self.rooms):
            await self._settle_move(user, [previous, interrupted], to)
        else:
            await self._undo_move(user, previous, interrupted, to)

    async def _check_password(self, user: Id, room: Room, written: str, address: str | None) -> None:
        """Raises WrongPassword, TooManyRequests."""
        await self.password_attempts.check(user, address, room)
        for form in password_forms(written):
            if await self.passwords.matches(form, room.password, HashOwner("rooms", user)):
                # Other calls may have used up the limits while the hash was made.
                return await self.password_attempts.check(user, address, room)
        WRONG_KEYS.count("room")
        await self.password_attempts.count(user, address, room)
        raise WrongPassword

    async def remove(self, user: Id, room_id: Id) -> None:
        """Remove a room and everybody in it. They get an event. Raises RoomNotFound, NotAdmin."""

        def propose(room: Room, seq: int) -> Entry:
            check_remove(room, user)
            return Entry(
                id=new_id(), stream=room.id, seq=seq, kind=Kind.REMOVE_ROOM, author=user, created_at=self.clock()
            )

        room, _ = await self.rooms.append(room_id, propose)
        await self.rooms.delete(room.id)

    async def search(self, wanted: RoomSearch, by: Id) -> tuple[list[ListedRoom], int]:
        """A page of rooms, and the number of rooms on all pages. Raises TooManyRequests."""
        return await self.rooms.search(wanted, by), await self.rooms.count(wanted, by)

    async def shown(self, wanted: RoomSearch, room: Id, by: Id) -> Room | None:
        """The room with this id, if the search finds it."""
        if not await self.rooms.search(wanted, by):
            return None
        try:
            return await self.rooms.latest(room)
        except RoomNotFound:
            return None

    async def current_room(self, user: Id) -> Id | None:
        """The room that a user is in, or None."""
        return await current_room(user, self.users, self.rooms)

    async def count(self, wanted: RoomSearch, by: Id) -> int:
        """The number of rooms that a search finds. Raises TooManyRequests."""
        return await self.rooms.count(wanted, by)

    async def leave(self, user: Id, room_id: Id) -> None:
        """Leave a room. It is not an error if the user is not inside."""
        await self._arrive(user, room_id)
        await self._leave(user, room_id)
        await vacate(user, room_id, self.users, self.rooms)

    async def finish_moves(self, *, all: bool) -> None:
        """Complete the moves that a crash interrupted. ``all``: those of a moment ago, too, as no other daemon runs."""
        for user, previous, to in await self.users.unfinished_moves(all=all):
            if await is_inside(user, to, self.rooms):
                await self._settle_move(user, [previous], to)
                continue
            if previous is not None and previous != to and await self._has_been_in(user, to):
                # They entered, and were put out before the crash was noticed: they are in no room, as they were told.
                with suppress(RoomNotFound):
                    await self.leave(user, previous)
            await self.users.abandon_move(user, to)

    async def _has_been_in(self, user: Id, room: Id) -> bool:
        """Whether a user was ever inside a room. False for one that is removed, and long after the last time."""
        try:
            return user in (await self.rooms.latest(room)).visitors
        except RoomNotFound:
            return False

    async def _settle_move(self, user: Id, left: list[Id | None], to: Id, order: int | None = None) -> bool:
        """Leave the rooms before, and end the move. False where its claim is lost."""
        for room in left:
            if room is not None and room != to:
                with suppress(RoomNotFound):
                    await self._leave(user, room)
        return await self.users.end_move(user, to, to, order)

    async def _undo_move(self, user: Id, previous: Id | None, interrupted: Id | None, to: Id) -> None:
        """Give up a refused move. If it took over a move that a crash had interrupted, complete that one."""
        if interrupted is not None and await is_inside(user, interrupted, self.rooms):
            if previous is not None and previous != interrupted:
                await self._leave(user, previous)
            await self.users.end_move(user, to, interrupted)
        else:
            await self.users.abandon_move(user, to)

    async def _arrive(self, user: Id, room: Id | None) -> None:
        """Let a user's connections here have what happened since they entered a room, perhaps through another daemon,
        before they learn that they are out of it.
        """
        if self.arrivals is not None and room is not None and await is_inside(user, room, self.rooms):
            await self.arrivals.arrive_first(user, room)

    async def _leave(self, user: Id, room_id: Id) -> None:
        def propose(room: Room, seq: int) -> Entry | None:
            return self._entry(room, seq, Kind.LEAVE, user) if user in room.users else None

        await self.rooms.append(room_id, propose)

    def _entry(self, room: Room, seq: int, kind: Kind, user: Id) -> Entry:
        return Entry(id=new_id(), stream=room.id, seq=seq, kind=kind, author=user, user=user, created_at=self.clock())
