"""Messages of rooms: send and read."""

from collections.abc import Callable

from attrs import evolve, frozen

from justchat.actions.before_message import ask_before
from justchat.actions.presence import checked_room
from justchat.actions.send_once import send_once
from justchat.actions.word_filter import WordFilter
from justchat.interfaces.client_ids import IClientIds
from justchat.interfaces.hooks import IBeforeMessage
from justchat.interfaces.pictures import IPictureRecords
from justchat.interfaces.rooms import IRooms
from justchat.model.draft import Draft
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.moment import Clock, Moment
from justchat.model.pictures import FOLDER, pictures_in
from justchat.model.room import Room
from justchat.policy import check_hold, check_read, check_speak


@frozen(kw_only=True)
class Messages:
    """What a user can do with the messages of rooms."""

    rooms: IRooms
    client_ids: IClientIds
    pictures: IPictureRecords
    words: WordFilter
    clock: Clock
    check_speak: Callable[[Room, Id, Moment], None] = check_speak
    """Raises where a user may not speak in a room: ``policy`` has the rules."""
    before: IBeforeMessage | None = None
    """Is asked before a text is stored."""

    async def say(self, user: Id, room_id: Id, text: str, ref_message: Id | None, client_id: str | None) -> Entry:
        """Send a message to a room. Returns the message once it is durable.

        With a ``client_id`` the message is stored once, however often it is sent within a day.
        Raises RoomNotFound, MessageNotFound, NotInRoom, Silenced, Rejected.
        """
        if FOLDER in text:
            await self.pictures.refer(pictures_in(text))
        return await send_once(
            room_id,
            user,
            client_id,
            self.client_ids,
            self.clock,
            lambda id: self._say(id, user, room_id, text, ref_message, client_id),
            look_first=self.before is not None,
        )

    async def _say(
        self, id: Id, user: Id, room_id: Id, text: str, ref_message: Id | None, client_id: str | None
    ) -> Entry:
        about = None
        if ref_message is not None:
            # The whole message, without the one that it refers to: chains of replies would grow without bound.
            about = evolve(await self.rooms.entry(room_id, ref_message), ref_message=None)

        if self.before is not None:
            # Nobody is asked about what may not be said. The entry decides again, as the room may change meanwhile.
            await checked_room(self.rooms, room_id, lambda room: self.check_speak(room, user, self.clock()))
            draft = Draft(author=user, text=text, room=room_id, ref_message=ref_message, client_id=client_id)
            text = await ask_before(self.before, self.pictures, draft)
        judged = self.words.judge(text)

        def propose(room: Room, seq: int) -> Entry:
            at = self.clock()
            self.check_speak(room, user, at)
            judged.check()
            if judged.hold is not None:
                check_hold(room)
            return Entry(
                id=id,
                stream=room.id,
                seq=seq,
                kind=Kind.MESSAGE,
                author=user,
                created_at=at,
                text=judged.text,
                held=judged.hold,
                # It may have been removed since it was read.
                ref_message=None if about is None else about.as_removed(room.removed_lately),
            )

        _, entry = await self.rooms.append(room_id, propose)
        assert entry is not None
        return entry

    async def history(self, user: Id, room_id: Id, skip: int, limit: int) -> list[Entry]:
        """At most ``limit`` messages, the oldest first, after the first ``skip``.

        A negative ``skip`` counts from the end. Raises RoomNotFound, NotInRoom.
        """
        await checked_room(self.rooms, room_id, lambda room: check_read(room, user))
        return await self.rooms.history(room_id, skip, limit, user)
