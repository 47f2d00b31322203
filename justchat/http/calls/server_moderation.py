"""The calls ``/server/rooms/…`` about somebody in a room, whose admin the app's server, or the operator, acts as."""

from collections.abc import Callable

from attrs import frozen

from justchat.actions.operating import OperatorActions
from justchat.actions.server_rooms import ServerRooms
from justchat.errors import MessageNotFound, Outranked, Rejected, RoomNotFound, UserNotFound
from justchat.http.calls.server_rooms import AgainstSomebody, SomebodyInRoom
from justchat.http.endpoint import Requester, server_post
from justchat.http.fields import MomentField, OptionalText
from justchat.http.responses import Nothing
from justchat.model.audit import Actor
from justchat.model.server_key import Scope

_IN_ROOM = {"room_id": "52ee29b565e203779f2e37f3", "user": "52efb7baf009c900003731c7"}


class SilenceSomebody(AgainstSomebody):
    finished: MomentField
    text: OptionalText | None = None


@frozen
class ServerModerationCalls:
    """See docs/protocol.rst, "An app's own server"."""

    rooms: ServerRooms
    operating_as: Callable[[Actor], OperatorActions]

    @server_post(
        "/server/rooms/silence",
        scopes=(Scope.ROOMS, Scope.CONSOLE),
        body=SilenceSomebody,
        example={**_IN_ROOM, "finished": 4102444800000, "text": "enough"},
        answer=Nothing,
        raises=(RoomNotFound, UserNotFound, MessageNotFound, Outranked, Rejected),
    )
    async def silence(self, requester: Requester, body: SilenceSomebody) -> Nothing:
        """Silence a user in a room until a time; a time in the past ends the silence."""
        record = self.operating_as(requester.actor).record
        await self.rooms.silence(body.whom, body.where, body.finished, body.text, body.about, record)
        return {}

    @server_post(
        "/server/rooms/ban",
        scopes=(Scope.ROOMS, Scope.CONSOLE),
        body=AgainstSomebody,
        example=_IN_ROOM,
        answer=Nothing,
        raises=(RoomNotFound, UserNotFound, MessageNotFound, Outranked),
    )
    async def ban(self, requester: Requester, body: AgainstSomebody) -> Nothing:
        """Put a user out of a room and bar them from entering it."""
        await self.rooms.ban(body.whom, body.where, body.about, self.operating_as(requester.actor).record)
        return {}

    @server_post(
        "/server/rooms/unban",
        scopes=(Scope.ROOMS, Scope.CONSOLE),
        body=SomebodyInRoom,
        example=_IN_ROOM,
        answer=Nothing,
        raises=(RoomNotFound, UserNotFound, Outranked),
    )
    async def unban(self, requester: Requester, body: SomebodyInRoom) -> Nothing:
        """Allow a user to enter a room again."""
        await self.rooms.unban(body.whom, body.where, self.operating_as(requester.actor).record)
        return {}
