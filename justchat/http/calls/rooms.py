"""The calls ``/room/…`` for rooms and their messages."""

from typing import Annotated, Any, Literal

from attrs import frozen
from pydantic import field_validator, model_validator

from justchat.actions.messages import Messages
from justchat.actions.room_editing import RoomEditing
from justchat.actions.rooms import RoomActions
from justchat.errors import (
    Banned,
    Conflict,
    MessageNotFound,
    NotAdmin,
    NotInRoom,
    Outranked,
    Rejected,
    RoomFull,
    RoomNotFound,
    Silenced,
    SlowMode,
    TooManyRooms,
    WrongPassword,
)
from justchat.http.endpoint import REQUIRED, Requester, post
from justchat.http.fields import (
    MAX_OFFSET,
    Body,
    Direction,
    IdField,
    Limit,
    MaxUsers,
    Page,
    Password,
    RoomName,
    SchemaKeywords,
    SearchedName,
    Skip,
    SlowModeSeconds,
    Text,
    UserClientId,
    invalid,
)
from justchat.http.responses import ChatAnswer, CountAnswer, MessageAnswer, Nothing, RoomAnswer, RoomsAnswer
from justchat.model.ids import Id
from justchat.model.moment import Clock
from justchat.model.room import Room, RoomSearch
from justchat.model.room_settings import RoomEdit
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
"""The fields by which rooms can be sorted, and what each means; ``users`` is their number."""
SORT = {
    "properties": {field: {"type": "integer", "enum": [1, -1]} for field in SORTABLE},
    "additionalProperties": False,
}


class NewRoom(Body):
    name: RoomName
    password: Password | None = None
    max_users: MaxUsers = 255
    slow_mode: SlowModeSeconds = 0


class EditedRoom(Body):
    id: IdField
    name: RoomName | None = None
    password: Password | None = None
    max_users: MaxUsers | None = None
    slow_mode: SlowModeSeconds | None = None

    def edit(self) -> RoomEdit:
        """What to change. A password that is null opens the room; other nulls change nothing."""
        password = (self.password or "") if "password" in self.model_fields_set else None
        return RoomEdit(name=self.name, password=password, max_users=self.max_users, slow_mode=self.slow_mode)


class EditRoom(Body):
    room: EditedRoom


class Create(Body):
    room: NewRoom


class Filter(Body):
    """``true`` hides such rooms, ``"only"`` shows no others."""

    filled: bool | Literal["only"] = False
    privated: bool | Literal["only"] = False
    countOnly: bool = False


class Get(Body):
    room_id: IdField | None = None
    name: SearchedName | None = None
    page: Page = 1
    per_page: Limit = 40
    sort: Annotated[dict[str, Direction], SchemaKeywords(SORT)] = {}
    filter: Filter = Filter()

    @field_validator("sort", mode="before")
    @classmethod
    def _check_fields(cls, sort: Any) -> Any:
        # Before the values: each wrong one of thousands would be an error of its own.
        if isinstance(sort, dict) and not SORTABLE.keys() >= sort.keys():
            raise invalid(f"rooms are sorted by {', '.join(SORTABLE)}")
        return sort

    @model_validator(mode="after")
    def _check_depth(self) -> "Get":
        if (self.page - 1) * self.per_page > MAX_OFFSET:
            raise invalid(f"pages go no deeper than {MAX_OFFSET} rooms")
        return self

    def search(self) -> RoomSearch:
        """The search that the request asks for."""
        # Only the first field counts; rooms with equal values are sorted newest first.
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
    """True for only such rooms, False for none of them, None for all."""
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
    client_id: UserClientId | None = None


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
    editing: RoomEditing
    messages: Messages
    clock: Clock

    @post(
        "/room/create",
        body=Create,
        example={"room": {"name": "foo", "password": "baz", "max_users": 10}},
        answer=RoomAnswer,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(Rejected, Conflict, TooManyRooms),
        statuses=(201,),
    )
    async def create(self, requester: Requester, body: Create) -> RoomAnswer:
        """Create a room. The caller is its admin and not inside yet."""
        new = body.room
        room = await self.rooms.create(
            requester.user,
            new.name,
            new.password,
            new.max_users,
            requester.idempotency_id,
            slow_mode=new.slow_mode,
        )
        return self._answer(room, requester.user)

    @post(
        "/room/edit",
        body=EditRoom,
        example={"room": {"id": "52ee29b565e203779f2e37f3", "name": "bar", "slow_mode": 10}},
        answer=RoomAnswer,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(RoomNotFound, Outranked, Rejected),
    )
    async def edit(self, requester: Requester, body: EditRoom) -> RoomAnswer:
        """Change the settings of a room."""
        room = await self.editing.edit(requester.user, Id(body.room.id), body.room.edit())
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
        """Enter a room and leave the one before."""
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
        """Search for rooms, page by page, or count them."""
        wanted = body.search()
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
        """Leave a room. It is no error not to be inside."""
        await self.rooms.leave(requester.user, Id(body.room_id))
        return {}

    @post(
        "/room/sendMessage",
        body=SendMessage,
        example={"message": {"room_id": "52ee29b565e203779f2e37f3", "text": "SUP"}},
        answer=MessageAnswer,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(RoomNotFound, MessageNotFound, NotInRoom, Silenced, Rejected, SlowMode),
        rate="send",
    )
    async def send_message(self, requester: Requester, body: SendMessage) -> MessageAnswer:
        """Send a message to the room that the caller is in."""
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
