"""The calls ``/room/…``: being in rooms, and what is said there."""

from typing import Annotated, Literal

from attrs import frozen
from pydantic import field_validator, model_validator

from justchat.actions.messages import Messages
from justchat.actions.rooms import RoomActions
from justchat.errors import (
    Banned,
    Conflict,
    MessageNotFound,
    NotAdmin,
    NotInRoom,
    RoomFull,
    RoomNotFound,
    Silenced,
    TooManyRooms,
    WrongPassword,
)
from justchat.http.endpoint import REQUIRED, Requester, post
from justchat.http.fields import (
    DEEPEST,
    Body,
    ClientId,
    Direction,
    IdField,
    Limit,
    MaxUsers,
    Page,
    Password,
    RoomName,
    Says,
    SearchedName,
    Skip,
    Text,
    wrong,
)
from justchat.http.responses import ChatAnswer, CountAnswer, MessageAnswer, Nothing, RoomAnswer, RoomsAnswer
from justchat.model.ids import Id
from justchat.model.moment import Clock
from justchat.model.room import Room, RoomSearch
from justchat.policy import may_see_listed_people, may_see_people
from justchat.protocol.documents import RoomDocument, listed_room_document, message_document, room_document

SORTABLE = {
    "_id": "_id",
    "name": "name",
    "users": "users",
    "max_users": "max_users",
    "admin": "admin",
    "create_at": "created_at",
    "created_at": "created_at",
}
"""What rooms can be sorted by, and the field that is meant; ``users`` is by how many there are."""
SORT = {
    "properties": {field: {"type": "integer", "enum": [1, -1]} for field in SORTABLE},
    "additionalProperties": False,
}


class NewRoom(Body):
    name: RoomName
    password: Password | None = None
    max_users: MaxUsers = 255


class Create(Body):
    room: NewRoom


class Filter(Body):
    """``true`` hides, ``"only"`` shows nothing else."""

    filled: bool | Literal["only"] = False
    privated: bool | Literal["only"] = False
    countOnly: bool = False


class Get(Body):
    room_id: IdField | None = None
    name: SearchedName | None = None
    page: Page = 1
    per_page: Limit = 40
    sort: Annotated[dict[str, Direction], Says(SORT)] = {}
    filter: Filter = Filter()

    @field_validator("sort")
    @classmethod
    def _sortable(cls, sort: dict[str, int]) -> dict[str, int]:
        for field in sort:
            if field not in SORTABLE:
                raise wrong(f"rooms are sorted by {', '.join(SORTABLE)}")
        return sort

    @model_validator(mode="after")
    def _not_too_deep(self) -> "Get":
        if (self.page - 1) * self.per_page > DEEPEST:
            raise wrong(f"pages go no deeper than {DEEPEST} rooms")
        return self

    def wanted(self) -> RoomSearch:
        # The first field decides; rooms that are equal in it come with the newest first.
        field, direction = next(iter(self.sort.items()), ("create_at", -1))
        return RoomSearch(
            room_id=None if self.room_id is None else Id(self.room_id),
            name=self.name,
            full=_shown(self.filter.filled),
            private=_shown(self.filter.privated),
            sort=SORTABLE[field],
            direction=direction,
            page=self.page,
            per_page=self.per_page,
        )


def _shown(filter: bool | str) -> bool | None:
    """Of rooms that are something: only those, none of those, or all."""
    if filter == "only":
        return True
    return False if filter else None


class RoomToRemove(Body):
    id: IdField


class Remove(Body):
    room: RoomToRemove


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

    @post(
        "/room/create",
        body=Create,
        example={"room": {"name": "foo", "password": "baz", "max_users": 10}},
        answer=RoomAnswer,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(Conflict, TooManyRooms),
        statuses=(201,),
    )
    async def create(self, requester: Requester, body: Create) -> RoomAnswer:
        """Open a room; the caller is its admin, not yet inside."""
        new = body.room
        room = await self.rooms.create(requester.user, new.name, new.password, new.max_users, requester.idempotency_id)
        return self._answer(room, requester.user)

    @post(
        "/room/enter",
        body=Enter,
        example={"room": {"id": "52ee29b565e203779f2e37f3", "password": "baz"}},
        answer=RoomAnswer,
        takes_idempotency_key=True,
        keeps_answer=False,
        session=REQUIRED,
        raises=(WrongPassword, Banned, RoomNotFound, RoomFull),
    )
    async def enter(self, requester: Requester, body: Enter) -> RoomAnswer:
        """Go into a room, and out of the one before."""
        room = await self.rooms.enter(requester.user, Id(body.room.id), body.room.password, requester.address)
        return self._answer(room, requester.user)

    @post(
        "/room/get",
        body=Get,
        example={"name": "sup", "page": 1, "per_page": 40, "sort": {"create_at": -1}, "filter": {"filled": True}},
        answer=RoomsAnswer | CountAnswer,
        session=REQUIRED,
        rate="read",
    )
    async def get(self, requester: Requester, body: Get) -> RoomsAnswer | CountAnswer:
        """Search rooms, by pages, or count them."""
        wanted = body.wanted()
        if body.filter.countOnly:
            return {"data": {"count": await self.rooms.count(wanted, requester.user)}}
        viewer = requester.user
        if wanted.room_id is not None:
            room = await self.rooms.shown(wanted, wanted.room_id, viewer)
            whole = [] if room is None else [self._document(room, viewer)]
            return {"data": {"rooms": whole, "count": len(whole)}}
        rooms, count = await self.rooms.search(wanted, viewer)
        inside = await self.rooms.current_room(viewer) if any(room.is_private for room in rooms) else None
        listed = [listed_room_document(room, people=may_see_listed_people(room, viewer, inside)) for room in rooms]
        return {"data": {"rooms": listed, "count": count}}

    @post(
        "/room/remove",
        body=Remove,
        example={"room": {"id": "52ee29b565e203779f2e37f3"}},
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(RoomNotFound, NotAdmin),
    )
    async def remove(self, requester: Requester, body: Remove) -> Nothing:
        """Remove a room with its history."""
        await self.rooms.remove(requester.user, Id(body.room.id))
        return {}

    @post(
        "/room/leave",
        body=Leave,
        example={"room_id": "52ee29b565e203779f2e37f3"},
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(RoomNotFound,),
    )
    async def leave(self, requester: Requester, body: Leave) -> Nothing:
        """Go out of a room; not to be inside is no error."""
        await self.rooms.leave(requester.user, Id(body.room_id))
        return {}

    @post(
        "/room/sendMessage",
        body=SendMessage,
        example={"message": {"room_id": "52ee29b565e203779f2e37f3", "text": "SUP"}},
        answer=MessageAnswer,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(RoomNotFound, MessageNotFound, NotInRoom, Silenced),
        rate="send",
    )
    async def send_message(self, requester: Requester, body: SendMessage) -> MessageAnswer:
        """Say something in the room one is in."""
        new = body.message
        about = None if new.ref_message is None else Id(new.ref_message)
        entry = await self.messages.say(
            requester.user, Id(new.room_id), new.text, about, new.client_id or requester.idempotency_id
        )
        return {"data": {"message": message_document(entry)}}

    @post(
        "/room/chat",
        body=Chat,
        example={"room": "52ee29b565e203779f2e37f3", "skip": -200, "limit": 100},
        answer=ChatAnswer,
        session=REQUIRED,
        raises=(RoomNotFound, NotInRoom),
        rate="read",
    )
    async def chat(self, requester: Requester, body: Chat) -> ChatAnswer:
        """Read a room's messages, oldest first."""
        entries = await self.messages.history(requester.user, Id(body.room), body.skip, body.limit)
        return {"data": {"chat": [message_document(entry) for entry in entries]}}

    def _answer(self, room: Room, viewer: Id) -> RoomAnswer:
        return {"data": {"room": self._document(room, viewer)}}

    def _document(self, room: Room, viewer: Id) -> RoomDocument:
        return room_document(room, self.clock(), people=may_see_people(room, viewer))
