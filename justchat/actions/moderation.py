"""Moderation: kicking, silencing, banning, and who may."""

from collections.abc import Callable

from attrs import evolve, frozen

from justchat.errors import Banned
from justchat.interfaces.counters import Count
from justchat.interfaces.pictures import IPictureRecords
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock, Moment
from justchat.model.pictures import pictures_in
from justchat.model.room import Room
from justchat.policy import check_moderate, check_name_moderators

Rule = Callable[[Room, Id, Id], None]
"""Asks whether a user may do something to another in a room."""


@frozen(kw_only=True)
class Moderation:
    """What those with a rank can do about the others. Each raises RoomNotFound, UserNotFound, Outranked.

    What is true already is no error, and tells nobody anything.
    TooManyRequests is raised where one person does too much in one room.
    """

    users: IUsers
    rooms: IRooms
    pictures: IPictureRecords
    clock: Clock
    count: Count

    async def kick(self, user: Id, room: Id, whom: Id, ref_message: Id | None) -> None:
        """Put somebody out."""
        await self._do(Kind.KICK, user, room, whom, lambda room: whom in room.users, ref_message=ref_message)
        await self.users.vacate(whom, room)

    async def ban(self, user: Id, room: Id, whom: Id, ref_message: Id | None) -> None:
        """Put somebody out, for good."""
        await self._do(Kind.BAN, user, room, whom, lambda room: whom not in room.banned, ref_message=ref_message)
        await self.users.vacate(whom, room)

    async def unban(self, user: Id, room: Id, whom: Id) -> None:
        """Let somebody enter again."""
        await self._do(Kind.UNBAN, user, room, whom, lambda room: whom in room.banned)

    async def silence(
        self, user: Id, room: Id, whom: Id, finished: Moment, text: str | None, ref_message: Id | None
    ) -> None:
        """Let somebody not speak until a moment; one that is past ends their silence."""
        await self.pictures.refer(pictures_in(text or ""))
        await self._do(
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
        """Give somebody a rank. Raises Banned for one who may not even enter."""

        def news(room: Room) -> bool:
            if whom in room.banned:
                raise Banned("who is banned cannot be a moderator")
            return whom not in room.moderators

        await self._do(Kind.NEW_MODERATOR, user, room, whom, news, rule=_admin_alone)

    async def remove_moderator(self, user: Id, room: Id, whom: Id) -> None:
        """Take somebody's rank."""
        await self._do(Kind.REMOVE_MODERATOR, user, room, whom, lambda room: whom in room.moderators, rule=_admin_alone)

    async def _do(
        self,
        kind: Kind,
        user: Id,
        room_id: Id,
        whom: Id,
        news: Callable[[Room], bool],
        *,
        rule: Rule = check_moderate,
        ref_message: Id | None = None,
        text: str | None = None,
        finished: Moment | None = None,
    ) -> None:
        """Append one entry about ``whom``, if the rule allows it and it is news to the room."""
        room = await self.rooms.get(room_id)
        await self.users.exists(whom)
        about = None
        if ref_message is not None:
            about = evolve(await self.rooms.entry(room.id, ref_message), ref_message=None)
        rule(room, user, whom)
        if news(room):
            self.count(user, room.id)

        def propose(room: Room, seq: int) -> Entry | None:
            rule(room, user, whom)
            if not news(room):
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
                ref_message=about,
                finished=finished,
            )

        await self.rooms.append(room.id, propose)


def _admin_alone(room: Room, user: Id, whom: Id) -> None:
    check_name_moderators(room, user)
