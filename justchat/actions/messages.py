"""Messages of a room: saying something, and reading what was said."""

from datetime import timedelta

from attrs import evolve, frozen

from justchat.errors import AlreadyStored, ApiError
from justchat.interfaces import IRooms
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id, resent_id
from justchat.model.moment import Clock
from justchat.model.room import Room
from justchat.policy import may_read, may_speak

RESENT_WITHIN = timedelta(days=1)
"""How long a client_id stands for the message it first came with."""
TURNS = 10_000


@frozen(kw_only=True)
class Messages:
    """What one can do with the messages of rooms."""

    rooms: IRooms
    clock: Clock

    async def say(self, user: Id, room_id: Id, text: str, ref_message: Id | None, client_id: str | None) -> Entry:
        """Say something in a room; returns the message once it is durable.

        With a ``client_id`` the same thing is said once, however often it is sent within a day.
        Raises RoomNotFound, MessageNotFound, NotInRoom, Silenced.
        """
        if client_id is None:
            return await self._say(new_id(), user, room_id, text, ref_message)
        for turn in range(TURNS):
            id = resent_id(user, client_id, turn)
            try:
                return await self._say(id, user, room_id, text, ref_message)
            except (AlreadyStored, ApiError) as refusal:
                # One who was put out since may still ask after what they had said.
                first = await self.rooms.sent(user, id)
                if first is None:
                    raise
                if first.kind is not Kind.VOID and self.clock() - first.create_at < RESENT_WITHIN:
                    return first
                if not isinstance(refusal, AlreadyStored):
                    raise
        raise AlreadyStored

    async def _say(self, id: Id, user: Id, room_id: Id, text: str, ref_message: Id | None) -> Entry:
        room = await self.rooms.get(room_id)
        about = None
        if ref_message is not None:
            # The whole message, but not what that one refers to: replies to replies would grow without end.
            about = evolve(await self.rooms.entry(room.id, ref_message), ref_message=None)

        def propose(room: Room, seq: int) -> Entry:
            at = self.clock()
            may_speak(room, user, at)
            return Entry(
                id=id,
                stream=room.id,
                seq=seq,
                kind=Kind.MESSAGE,
                author=user,
                create_at=at,
                text=text,
                ref_message=about,
            )

        _, entry = await self.rooms.append(room.id, propose)
        assert entry is not None
        return entry

    async def history(self, user: Id, room_id: Id, skip: int, limit: int) -> list[Entry]:
        """At most ``limit`` messages, oldest first: after the first ``skip``, or, where that is negative,
        from that many before the end. Raises RoomNotFound, NotInRoom.
        """
        may_read(await self.rooms.get(room_id), user)
        after = skip if skip >= 0 else max(0, await self.rooms.head(room_id) + skip)
        return await self.rooms.history(room_id, after, limit)
