"""The calls ``/server/messages/…``, for an app's own server, which speaks as anybody."""

from collections.abc import Callable

from attrs import frozen
from pydantic import ConfigDict, model_validator

from justchat.actions.operating import OperatorActions
from justchat.actions.server_messages import ServerMessages
from justchat.errors import Blocked, MessageNotFound, Rejected, RoomNotFound, TooManyAnnouncements, UserNotFound
from justchat.http.endpoint import Reply, Requester, server_post
from justchat.http.fields import Body, ClientId, IdField, Text, exactly_one, invalid
from justchat.http.responses import AnnouncementAnswer, DirectAnswer, MessageAnswer, Nothing
from justchat.model.announcement import EVERYONE
from justchat.model.audit import Actor
from justchat.model.ids import Id
from justchat.model.server_key import Scope
from justchat.protocol.announcements import announcement_document
from justchat.protocol.documents import direct_document, message_document

_WHERE = {"room": "string", "to": "string"}


class SendAs(Body):
    """``to`` is a user's id, or "everyone". ``ref_message`` is a message of the room."""

    model_config = ConfigDict(json_schema_extra={"allOf": [exactly_one(_WHERE)]})
    room: IdField | None = None
    to: IdField | None = None
    author: IdField
    text: Text
    ref_message: IdField | None = None
    client_id: ClientId | None = None

    @model_validator(mode="after")
    def _one_place(self) -> "SendAs":
        if (self.room is None) == (self.to is None):
            raise invalid("exactly one of room and to is required")
        return self


class MessageToRemove(Body):
    message: IdField


@frozen
class ServerMessageCalls:
    """See docs/protocol.rst, "An app's own server"."""

    messages: ServerMessages
    operating_as: Callable[[Actor], OperatorActions]

    @server_post(
        "/server/messages/send",
        scopes=(Scope.MESSAGES,),
        body=SendAs,
        example={"room": "52ee29b565e203779f2e37f3", "author": "52efb7baf009c900003731c7", "text": "Welcome!"},
        answer=MessageAnswer | DirectAnswer | AnnouncementAnswer,
        raises=(RoomNotFound, UserNotFound, MessageNotFound, Blocked, Rejected, TooManyAnnouncements),
        statuses=(200, 202),
    )
    async def send(self, requester: Requester, body: SendAs) -> MessageAnswer | DirectAnswer | Reply:
        """Send a message as any user: to a room, to a user, or to everyone."""
        record, author = self.operating_as(requester.actor).record, Id(body.author)
        client_id = body.client_id or requester.idempotency_id
        if body.room is not None:
            about = None if body.ref_message is None else Id(body.ref_message)
            entry = await self.messages.say(author, Id(body.room), body.text, about, client_id, record)
            return {"data": {"message": message_document(entry)}}
        if body.to == EVERYONE:
            announcement = await self.messages.announce(author, body.text, client_id, record)
            return Reply(202, {"data": {"announcement": announcement_document(announcement)}})
        message = await self.messages.write(author, Id(body.to or ""), body.text, client_id, record)
        return {"data": {"message": direct_document(message)}}

    @server_post(
        "/server/messages/remove",
        scopes=(Scope.MESSAGES, Scope.CONSOLE),
        body=MessageToRemove,
        example={"message": "530a30c649b9733ae9af7145"},
        answer=Nothing,
        raises=(MessageNotFound,),
    )
    async def remove(self, requester: Requester, body: MessageToRemove) -> Nothing:
        """Remove a message of a room, or a direct one on both sides."""
        await self.messages.remove(Id(body.message), self.operating_as(requester.actor).record)
        return {}
