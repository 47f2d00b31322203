"""What an app's own server does with rooms: it acts as the admin of each."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from attrs import frozen

from justchat.actions.moderation import Moderation
from justchat.actions.room_editing import RoomEditing
from justchat.actions.rooms import RoomActions
from justchat.errors import NotAdmin, Outranked, RoomNotFound
from justchat.interfaces.audit import RecordDeed
from justchat.interfaces.removals import IRemovals
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.model.audit import Deed
from justchat.model.ids import Id, new_id
from justchat.model.moment import Moment, iso
from justchat.model.room import Room
from justchat.model.room_settings import RoomEdit
from justchat.policy import check_moderate

T = TypeVar("T")
AT_ONCE = 100
"""Rooms of one round of removals for operators."""


@frozen(kw_only=True)
class ServerRooms:
    """The actions of users, carried out as the room's admin, by the same rules, but not counted as theirs.

    ``record`` writes the deed into the audit log.
    """

    users: IUsers
    rooms: IRooms
    actions: RoomActions
    editing: RoomEditing
    moderation: Moderation
    removals: IRemovals

    async def create(
        self,
        admin: Id,
        name: str,
        password: str | None,
        max_users: int,
        idempotency_id: Id | None,
        record: RecordDeed,
        *,
        slow_mode: int = 0,
    ) -> Room:
        """Create a room for an admin, who is not yet inside. Raises UserNotFound, Rejected."""
        await self.users.exists(admin)
        id = idempotency_id or new_id()
        await record(Deed.CREATE_ROOM, admin, f"room {id}")  # not the name: it may be a person's words
        return await self.actions.create(admin, name, password, max_users, id, slow_mode=slow_mode)

    async def edit(self, room: Id, edit: RoomEdit, record: RecordDeed) -> Room:
        """Change a room's settings. Raises RoomNotFound, Rejected."""
        await self._record(record, Deed.EDIT_ROOM, room)
        return await self._as_admin(room, lambda admin: self.editing.edit(admin, room, edit))

    async def remove(self, room: Id, record: RecordDeed) -> None:
        """Remove a room and everybody in it. Raises RoomNotFound."""
        await self._record(record, Deed.REMOVE_ROOM, room)
        await self._as_admin(room, lambda admin: self.actions.remove(admin, room))

    async def remove_asked(self) -> None:
        """Remove the rooms that operators want removed. Each step may be repeated, also by several daemons at once."""
        for room in await self.removals.asked_rooms(AT_ONCE):
            with suppress(RoomNotFound):
                await self._as_admin(room, partial(self.actions.remove, room_id=room))
            await self.removals.settle(room)

    async def put(self, user: Id, room: Id, record: RecordDeed) -> Room:
        """Put a user into a room, and out of the one before. Raises RoomNotFound, UserNotFound, Banned, RoomFull."""
        await self._record(record, Deed.PUT_INTO_ROOM, room, user)
        return await self.actions.put(user, room)

    async def kick(self, user: Id, room: Id, ref_message: Id | None, record: RecordDeed) -> None:
        """Put a user out of a room; the admin leaves it. Raises RoomNotFound, UserNotFound, MessageNotFound."""
        await self._record(record, Deed.KICK, room, user)

        async def act(admin: Id) -> None:
            if user == admin:
                if ref_message is not None:
                    await self.rooms.entry(room, ref_message)
                await self.actions.leave(admin, room)
            else:
                await self.moderation.kick(admin, room, user, ref_message)

        await self._as_admin(room, act)

    async def silence(
        self, user: Id, room: Id, finished: Moment, text: str | None, ref_message: Id | None, record: RecordDeed
    ) -> None:
        """Silence a user in a room until ``finished``; a time in the past ends that. Raises RoomNotFound, UserNotFound,
        MessageNotFound, Outranked for the admin, Rejected for the text.
        """
        if text is not None:
            self.moderation.words.checked(text)
        lasts = finished > self.moderation.clock()
        deed, why = (Deed.SILENCE, f" until {iso(finished)}") if lasts else (Deed.UNSILENCE, "")
        await self._check_moderate(room, user, ref_message)
        await self._record(record, deed, room, user, why)
        await self._as_admin(
            room, lambda admin: self.moderation.silence(admin, room, user, finished, text, ref_message)
        )

    async def ban(self, user: Id, room: Id, ref_message: Id | None, record: RecordDeed) -> None:
        """Put a user out of a room, and let them in no more. Raises RoomNotFound, UserNotFound, MessageNotFound,
        Outranked for the admin.
        """
        await self._check_moderate(room, user, ref_message)
        await self._record(record, Deed.BAN, room, user)
        await self._as_admin(room, lambda admin: self.moderation.ban(admin, room, user, ref_message))

    async def unban(self, user: Id, room: Id, record: RecordDeed) -> None:
        """Let a banned user enter a room again. Raises RoomNotFound, UserNotFound, Outranked for the admin."""
        await self._check_moderate(room, user, None)
        await self._record(record, Deed.UNBAN, room, user)
        await self._as_admin(room, lambda admin: self.moderation.unban(admin, room, user))

    async def _check_moderate(self, room: Id, user: Id, ref_message: Id | None) -> None:
        """Check, before a deed is written down, that the admin may do it, and that its reason is there."""
        found = await self.rooms.latest(room)
        await self.users.exists(user)
        if ref_message is not None:
            await self.rooms.entry(room, ref_message)
        check_moderate(found, found.admin, user)

    async def _record(self, record: RecordDeed, deed: Deed, room: Id, user: Id | None = None, why: str = "") -> None:
        """Write a deed to a room, or to a user in a room. Raises RoomNotFound, UserNotFound."""
        await self.rooms.latest(room)
        if user is None:
            return await record(deed, room, None)
        await self.users.exists(user)
        await record(deed, user, f"room {room}{why}")

    async def _as_admin(self, room: Id, act: Callable[[Id], Awaitable[T]]) -> T:
        """Act as the admin; once more where the room has passed to another one meanwhile."""
        while True:
            admin = (await self.rooms.latest(room)).admin
            try:
                return await act(admin)
            except (Outranked, NotAdmin):
                if (await self.rooms.latest(room)).admin == admin:
                    raise
