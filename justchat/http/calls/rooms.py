"""The calls ``/room/…``: being in rooms, and what is said there."""

from attrs import frozen

from justchat.actions.messages import Messages
from justchat.actions.rooms import RoomActions
from justchat.documents import message_document, room_document
from justchat.errors import (
    Banned,
    Conflict,
    MessageNotFound,
    NotInRoom,
    RoomFull,
    RoomNotFound,
    Silenced,
    WrongPassword,
)
from justchat.http.answers import ChatAnswer, MessageAnswer, Nothing, RoomAnswer
from justchat.http.endpoint import REQUIRED, Requester, post
from justchat.http.fields import Body, ClientId, IdField, Limit, MaxUsers, Password, RoomName, Skip, Text
from justchat.model.ids import Id
from justchat.model.moment import Clock
from justchat.model.room import Room


class NewRoom(Body):
    name: RoomName
    password: Password | None = None
    max_users: MaxUsers = 255


class Create(Body):
    room: NewRoom


class RoomToEnter(Body):
    id: IdField
    password: Password | None = None


class Enter(Body):
    room: RoomToEnter


class Leave(Body):
    room_id: IdField


class NewMessage(Body):
    room_id: IdField
    text: Text
    ref_message: IdField | None = None
    client_id: ClientId | None = None


class SendMessage(Body):
    message: NewMessage


class Chat(Body):
    room: IdField
    skip: Skip = 0
    limit: Limit = 100


@frozen
class RoomCalls:
    """See docs/protocol.rst, "Rooms"."""

    rooms: RoomActions
    messages: Messages
    clock: Clock

    @post("/room/create", body=Create, answer=RoomAnswer, session=REQUIRED, raises=(Conflict,), statuses=(201,))
    async def create(self, requester: Requester, body: Create) -> RoomAnswer:
        """Open a room; the caller is its admin, not yet inside."""
        new = body.room
        return self._answer(await self.rooms.create(requester.user, new.name, new.password, new.max_users))

    @post(
        "/room/enter",
        body=Enter,
        answer=RoomAnswer,
        session=REQUIRED,
        raises=(WrongPassword, Banned, RoomNotFound, RoomFull),
    )
    async def enter(self, requester: Requester, body: Enter) -> RoomAnswer:
        """Go into a room, and out of the one before."""
        return self._answer(await self.rooms.enter(requester.user, Id(body.room.id), body.room.password))

    @post("/room/leave", body=Leave, answer=Nothing, session=REQUIRED, raises=(RoomNotFound,))
    async def leave(self, requester: Requester, body: Leave) -> Nothing:
        """Go out of a room; not to be inside is no error."""
        await self.rooms.leave(requester.user, Id(body.room_id))
        return {}

    @post(
        "/room/sendMessage",
        body=SendMessage,
        answer=MessageAnswer,
        session=REQUIRED,
        raises=(RoomNotFound, MessageNotFound, NotInRoom, Silenced),
    )
    async def send_message(self, requester: Requester, body: SendMessage) -> MessageAnswer:
        """Say something in the room one is in."""
        new = body.message
        about = None if new.ref_message is None else Id(new.ref_message)
        entry = await self.messages.say(requester.user, Id(new.room_id), new.text, about, new.client_id)
        return {"data": {"message": message_document(entry)}}

    @post("/room/chat", body=Chat, answer=ChatAnswer, session=REQUIRED, raises=(RoomNotFound, NotInRoom))
    async def chat(self, requester: Requester, body: Chat) -> ChatAnswer:
        """Read a room's messages, oldest first."""
        entries = await self.messages.history(requester.user, Id(body.room), body.skip, body.limit)
        return {"data": {"chat": [message_document(entry) for entry in entries]}}

    def _answer(self, room: Room) -> RoomAnswer:
        return {"data": {"room": room_document(room, self.clock())}}
