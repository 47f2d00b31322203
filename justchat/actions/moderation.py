"""Moderation: kick, silence, ban, and name moderators."""

from collections.abc import Callable

from attrs import evolve, frozen

from justchat.actions.presence import vacate
from justchat.actions.word_filter import WordFilter
from justchat.errors import Banned
from justchat.interfaces.counters import CountAction
from justchat.interfaces.pictures import IPictureRecords
from justchat.interfaces.realtime import IArrivals
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock, Moment
from justchat.model.pictures import pictures_in
from justchat.model.room import Room
from justchat.policy import check_moderate, check_name_moderators

Rule = Callable[[Room, Id, Id], None]
"""Raises Outranked where a user may not do something to another in a room."""


@frozen(kw_only=True)
class Moderation:
    """What admins and moderators can do about other users.

    Each action raises RoomNotFound, UserNotFound, Outranked, and TooManyRequests after too many by one user in one
    room. An action that changes nothing is not an error, and sends no event.
    """

    users: IUsers
    rooms: IRooms
    pictures: IPictureRecords
    words: WordFilter
    clock: Clock
    count_action: CountAction
    arrivals: IArrivals | None = None
    """None for a daemon alone."""

    async def kick(self, user: Id, room: Id, whom: Id, ref_message: Id | None) -> None:
        """Remove a user from a room."""
        await self._append(Kind.KICK, user, room, whom, lambda room: whom in room.users, ref_message=ref_message)
        await vacate(whom, room, self.users, self.rooms)

    async def ban(self, user: Id, room: Id, whom: Id, ref_message: Id | None) -> None:
        """Remove a user from a room, and do not let them enter again."""
        await self._append(Kind.BAN, user, room, whom, lambda room: whom not in room.banned, ref_message=ref_message)
        await vacate(whom, room, self.users, self.rooms)

    async def unban(self, user: Id, room: Id, whom: Id) -> None:
        """Let a banned user enter again."""
        await self._append(Kind.UNBAN, user, room, whom, lambda room: whom in room.banned)

    async def silence(
        self, user: Id, room: Id, whom: Id, finished: Moment, text: str | None, ref_message: Id | None
    ) -> None:
        """Silence a user until ``finished``. A time in the past ends a silence. Raises Rejected for the text."""
        await self.pictures.refer(pictures_in(text or ""))
        await self._append(
            Kind.SILENCE,
            user,
            room,
            whom,
            lambda room: finished > self.clock() or whom in room.silenced_until,
            ref_message=ref_message,
            text=text,
            finished=finished,
        )

    async def name_moderator(self, user: Id, room: Id, whom: Id) -> None:
        """Make a user a moderator. Raises Banned for a user who is banned."""

        def changes(room: Room) -> bool:
            if whom in room.banned:
                raise Banned("a banned user cannot be a moderator")
            return whom not in room.moderators

        await self._append(Kind.NEW_MODERATOR, user, room, whom, changes, rule=_check_admin)

    async def remove_moderator(self, user: Id, room: Id, whom: Id) -> None:
        """Take away the rank of a moderator, who may be a deleted person."""
        await self._append(
            Kind.REMOVE_MODERATOR, user, room, whom, lambda room: whom in room.moderators, rule=_check_admin
        )

    async def _append(
        self,
        kind: Kind,
        user: Id,
        room_id: Id,
        whom: Id,
        changes: Callable[[Room], bool],
        *,
        rule: Rule = check_moderate,
        ref_message: Id | None = None,
        text: str | None = None,
        finished: Moment | None = None,
    ) -> None:
        """Append one entry about ``whom``, if the rule allows it and it changes the room."""
        room = await self.rooms.latest(room_id)
        if kind is not Kind.REMOVE_MODERATOR or not changes(room):
            await self.users.exists(whom)
        about = None
        if ref_message is not None:
            about = evolve(await self.rooms.entry(room.id, ref_message), ref_message=None)
        rule(room, user, whom)
        if text is not None:
            text = self.words.checked(text)
        if changes(room):
            self.count_action(user, room.id)
        if self.arrivals is not None and kind in (Kind.KICK, Kind.BAN) and whom in room.users:
            await self.arrivals.arrive_first(whom, room.id)

        def propose(room: Room, seq: int) -> Entry | None:
            rule(room, user, whom)
            if not changes(room):
                return None
            return Entry(
                id=new_id(),
                stream=room.id,
                seq=seq,
                kind=kind,
                author=user,
                user=whom,
                created_at=self.clock(),
                text=text,
                ref_message=None if about is None else about.as_removed(room.removed_lately),
                finished=finished,
            )

        await self.rooms.append(room.id, propose)


def _check_admin(room: Room, user: Id, whom: Id) -> None:
    check_name_moderators(room, user)
