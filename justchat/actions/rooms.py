"""Rooms: opening one, entering, leaving."""

from contextlib import suppress

from attrs import frozen

from justchat.actions.login_attempts import RoomPasswordAttempts
from justchat.actions.presence import current_room, is_inside
from justchat.errors import Conflict, RoomNotFound, TooManyRooms, WrongPassword
from justchat.interfaces.counters import Count
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.interfaces.workers import HashOwner, IPasswords
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock
from justchat.model.room import ListedRoom, Room, RoomSearch
from justchat.model.text import as_password, password_forms
from justchat.policy import check_enter, check_not_banned, check_remove, needs_password


@frozen(kw_only=True)
class RoomActions:
    """What one can do about being in rooms."""

    users: IUsers
    rooms: IRooms
    passwords: IPasswords
    password_attempts: RoomPasswordAttempts
    clock: Clock
    rooms_per_user: int
    count_entering: Count

    async def create(
        self, user: Id, name: str, password: str | None, max_users: int, idempotency_id: Id | None = None
    ) -> Room:
        """Open a room. Its creator is the admin, and not yet inside. The same ``idempotency_id`` opens one room.

        Raises TooManyRooms.
        """
        if await self.rooms.opened(user, self.rooms_per_user) >= self.rooms_per_user:
            return await self._opened_before(idempotency_id)
        secret = as_password(password or "")
        room = Room(
            id=idempotency_id or new_id(),
            name=name,
            admin=user,
            created_at=self.clock(),
            max_users=max_users,
            password=await self.passwords.hash(secret, HashOwner("rooms", user)) if secret else None,
        )
        try:
            await self.rooms.create(room)
        except Conflict:
            if idempotency_id is None:
                raise
            return await self.rooms.get(idempotency_id)
        return room

    async def _opened_before(self, idempotency_id: Id | None) -> Room:
        """The room that was the last one that its admin may have, and is asked for again."""
        if idempotency_id is not None:
            with suppress(RoomNotFound):
                return await self.rooms.get(idempotency_id)
        raise TooManyRooms

    async def enter(self, user: Id, room_id: Id, password: str | None, address: str | None = None) -> Room:
        """Go into a room, and out of the one before. Raises RoomNotFound, Banned, WrongPassword, RoomFull, and
        TooManyRequests after too many enterings or wrong passwords; one that was not judged is not counted.

        The one place of a user spans two rooms' logs and the user's document: a move is claimed in the document,
        entries are appended (the new room's first, since it may refuse), and the claim is settled. What a crash
        leaves of it is completed by ``finish_moves``.
        """
        room = await self.rooms.get(room_id)
        check_not_banned(room, user)
        if needs_password(room, user):
            await self._check_password(user, room, password or "", address)
        check_enter(room, user)
        if user in room.users:
            return room
        self.count_entering(user, room.id)

        def propose(room: Room, seq: int) -> Entry | None:
            check_enter(room, user)
            return None if user in room.users else self._entry(room, seq, Kind.NEW_ROOMMATE, user)

        place, unfinished = await self.users.begin_move(user, room.id)
        try:
            room, _ = await self.rooms.append(room.id, propose)
        except BaseException:
            await self._stay(user, place, unfinished, room.id)
            raise
        await self._settle(user, [place, unfinished], room.id)
        return room

    async def _check_password(self, user: Id, room: Room, written: str, address: str | None) -> None:
        """Raises WrongPassword, TooManyRequests."""
        await self.password_attempts.check(user, address, room)
        for form in password_forms(written):
            if await self.passwords.matches(form, room.password, HashOwner("rooms", user)):
                # Others may have been tried meanwhile, and too many.
                return await self.password_attempts.check(user, address, room)
        await self.password_attempts.wrong(user, address, room)
        raise WrongPassword

    async def remove(self, user: Id, room_id: Id) -> None:
        """Remove a room: everyone inside is put out and told. Raises RoomNotFound, NotAdmin."""

        def propose(room: Room, seq: int) -> Entry:
            check_remove(room, user)
            return Entry(
                id=new_id(), stream=room.id, seq=seq, kind=Kind.REMOVE_ROOM, author=user, created_at=self.clock()
            )

        room, _ = await self.rooms.append(room_id, propose)
        await self.rooms.bury(room.id)

    async def search(self, wanted: RoomSearch, by: Id) -> tuple[list[ListedRoom], int]:
        """A page of rooms, and how many there are on all pages. Raises TooManyRequests."""
        return await self.rooms.search(wanted, by), await self.rooms.count(wanted, by)

    async def shown(self, wanted: RoomSearch, room: Id, by: Id) -> Room | None:
        """The one room with this id, where it is among those that are wanted."""
        if not await self.rooms.search(wanted, by):
            return None
        try:
            return await self.rooms.get(room)
        except RoomNotFound:
            return None

    async def current_room(self, user: Id) -> Id | None:
        """The room that a user is in, or None."""
        return await current_room(user, self.users, self.rooms)

    async def count(self, wanted: RoomSearch, by: Id) -> int:
        """How many rooms there are. Raises TooManyRequests."""
        return await self.rooms.count(wanted, by)

    async def leave(self, user: Id, room_id: Id) -> None:
        """Go out of a room. Not to be inside is no error."""
        await self._leave(user, room_id)
        await self.users.vacate(user, room_id)

    async def finish_moves(self, *, all: bool) -> None:
        """Complete the moves that a crash left half done. ``all``: no other daemon can be at work on them."""
        for user, place, to in await self.users.unfinished_moves(all=all):
            if await is_inside(user, to, self.rooms):
                await self._settle(user, [place], to)
            else:
                await self.users.abandon_move(user, to)

    async def _settle(self, user: Id, places: list[Id | None], to: Id) -> None:
        for place in places:
            if place is not None and place != to:
                try:
                    await self._leave(user, place)
                except RoomNotFound:
                    continue
        await self.users.end_move(user, to, to)

    async def _stay(self, user: Id, place: Id | None, unfinished: Id | None, to: Id) -> None:
        """A move was refused. Where it took over one that a crash had left, that one is completed now."""
        if unfinished is not None and await is_inside(user, unfinished, self.rooms):
            if place is not None and place != unfinished:
                await self._leave(user, place)
            await self.users.end_move(user, to, unfinished)
        else:
            await self.users.abandon_move(user, to)

    async def _leave(self, user: Id, room_id: Id) -> None:
        def propose(room: Room, seq: int) -> Entry | None:
            return self._entry(room, seq, Kind.LEAVE, user) if user in room.users else None

        await self.rooms.append(room_id, propose)

    def _entry(self, room: Room, seq: int, kind: Kind, user: Id) -> Entry:
        return Entry(id=new_id(), stream=room.id, seq=seq, kind=kind, author=user, user=user, created_at=self.clock())
