"""The calls ``/server/rooms/…``, for an app's own server, which acts as the admin of each room."""

from collections.abc import Callable

from attrs import frozen
from pydantic import ConfigDict, model_validator

from justchat.actions.operating import OperatorActions
from justchat.actions.server_rooms import ServerRooms
from justchat.errors import Banned, Conflict, MessageNotFound, Rejected, RoomFull, RoomNotFound, UserNotFound
from justchat.http.calls.rooms import Create, EditRoom, Remove, RoomToRemove
from justchat.http.endpoint import Requester, server_post
from justchat.http.fields import Body, IdField, exactly_one, invalid
from justchat.http.responses import Nothing, RoomAnswer
from justchat.model.audit import Actor
from justchat.model.ids import Id
from justchat.model.moment import Clock
from justchat.model.room import Room
from justchat.model.server_key import Scope
from justchat.protocol.documents import room_document

_ROOM, _USER = {"room": "object", "room_id": "string"}, {"user": "string", "user_id": "string"}


class CreateFor(Create):
    user: IdField


class SomebodyInRoom(Body):
    """A room and a user, each by one of two names: those of ``/room/enter`` and ``/room/kick``."""

    model_config = ConfigDict(json_schema_extra={"allOf": [exactly_one(_ROOM), exactly_one(_USER)]})
    room: RoomToRemove | None = None
    room_id: IdField | None = None
    user: IdField | None = None
    user_id: IdField | None = None

    @model_validator(mode="after")
    def _one_each(self) -> "SomebodyInRoom":
        for names in (_ROOM, _USER):
            if sum(getattr(self, name) is not None for name in names) != 1:
                raise invalid(f"exactly one of {' and '.join(names)} is required")
        return self

    @property
    def where(self) -> Id:
        """The room's id."""
        return Id((self.room.id if self.room is not None else self.room_id) or "")

    @property
    def whom(self) -> Id:
        """The user's id."""
        return Id(self.user or self.user_id or "")


class AgainstSomebody(SomebodyInRoom):
    """With the message that is the reason."""

    ref_message: IdField | None = None

    @property
    def about(self) -> Id | None:
        """The message's id."""
        return None if self.ref_message is None else Id(self.ref_message)


@frozen
class ServerRoomCalls:
    """See docs/protocol.rst, "An app's own server"."""

    rooms: ServerRooms
    operating_as: Callable[[Actor], OperatorActions]
    clock: Clock

    @server_post(
        "/server/rooms/create",
        scopes=(Scope.ROOMS,),
        body=CreateFor,
        example={"user": "52efb7baf009c900003731c7", "room": {"name": "foo", "max_users": 10}},
        answer=RoomAnswer,
        raises=(UserNotFound, Rejected, Conflict),
        statuses=(201,),
    )
    async def create(self, requester: Requester, body: CreateFor) -> RoomAnswer:
        """Create a room, whose admin is the user."""
        new = body.room
        room = await self.rooms.create(
            Id(body.user),
            new.name,
            new.password,
            new.max_users,
            requester.idempotency_id,
            self.operating_as(requester.actor).record,
            slow_mode=new.slow_mode,
        )
        return self._answer(room)

    @server_post(
        "/server/rooms/edit",
        scopes=(Scope.ROOMS, Scope.CONSOLE),
        body=EditRoom,
        example={"room": {"id": "52ee29b565e203779f2e37f3", "name": "bar"}},
        answer=RoomAnswer,
        raises=(RoomNotFound, Rejected),
    )
    async def edit(self, requester: Requester, body: EditRoom) -> RoomAnswer:
        """Change the settings of a room."""
        record = self.operating_as(requester.actor).record
        return self._answer(await self.rooms.edit(Id(body.room.id), body.room.edit(), record))

    @server_post(
        "/server/rooms/remove",
        scopes=(Scope.ROOMS, Scope.CONSOLE),
        body=Remove,
        example={"room": {"id": "52ee29b565e203779f2e37f3"}},
        answer=Nothing,
        raises=(RoomNotFound,),
    )
    async def remove(self, requester: Requester, body: Remove) -> Nothing:
        """Remove a room with its history."""
        await self.rooms.remove(Id(body.room.id), self.operating_as(requester.actor).record)
        return {}

    @server_post(
        "/server/rooms/put",
        scopes=(Scope.ROOMS,),
        body=SomebodyInRoom,
        example={"room": {"id": "52ee29b565e203779f2e37f3"}, "user": "52efb7baf009c900003731c7"},
        answer=RoomAnswer,
        raises=(RoomNotFound, UserNotFound, Banned, RoomFull),
    )
    async def put(self, requester: Requester, body: SomebodyInRoom) -> RoomAnswer:
        """Put a user into a room, and out of the one before."""
        record = self.operating_as(requester.actor).record
        return self._answer(await self.rooms.put(body.whom, body.where, record))

    @server_post(
        "/server/rooms/kick",
        scopes=(Scope.ROOMS, Scope.CONSOLE),
        body=AgainstSomebody,
        example={"room_id": "52ee29b565e203779f2e37f3", "user": "52efb7baf009c900003731c7"},
        answer=Nothing,
        raises=(RoomNotFound, UserNotFound, MessageNotFound),
    )
    async def kick(self, requester: Requester, body: AgainstSomebody) -> Nothing:
        """Put a user out of a room. They may come back."""
        await self.rooms.kick(body.whom, body.where, body.about, self.operating_as(requester.actor).record)
        return {}

    def _answer(self, room: Room) -> RoomAnswer:
        return {"data": {"room": room_document(room, self.clock())}}
