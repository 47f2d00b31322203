"""The calls ``/user/…`` for direct messages."""

from typing import Annotated

from attrs import frozen
from pydantic import AfterValidator, ConfigDict, model_validator

from justchat.actions.direct import DirectMessages
from justchat.errors import Blocked, MessageNotFound, Rejected, UserNotFound
from justchat.http.endpoint import REQUIRED, Requester, post
from justchat.http.fields import Body, Empty, IdField, Limit, Offset, SchemaKeywords, Text, UserClientId, invalid
from justchat.http.responses import (
    CountAnswer,
    DialogAnswer,
    DialogsAnswer,
    DirectAnswer,
    MessagesAnswer,
    Nothing,
    SentAnswer,
)
from justchat.model.ids import Id
from justchat.protocol.documents import direct_document


def _not_empty(user: str) -> str:
    if not user.strip():
        raise invalid("empty")
    return user


class NewDirectMessage(Body):
    user: Annotated[IdField, AfterValidator(_not_empty), SchemaKeywords({"pattern": r"\S"})]
    text: Text
    client_id: UserClientId | None = None


class Write(Body):
    message: NewDirectMessage


class List(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "properties": {"author": {"type": "string"}, "user": {"type": "string"}},
                "required": ["author", "user"],
            }
        }
    )
    author: IdField | None = None
    user: IdField | None = None
    countOnly: bool = False
    limit: Limit = 100
    offset: Offset = 0

    @model_validator(mode="after")
    def _one_side(self) -> "List":
        if self.author is not None and self.user is not None:
            raise invalid("author and user exclude each other")
        return self


class WithUser(Body):
    user: IdField


class DialogWith(WithUser):
    skip: Offset = 0
    limit: Limit = 100


class OneMessage(Body):
    message: IdField


@frozen
class DirectCalls:
    """See docs/protocol.rst, "Direct messages"."""

    direct: DirectMessages

    @post(
        "/user/sendMessage",
        body=Write,
        example={"message": {"user": "52efb7baf009c900003731c7", "text": "Dude!"}},
        answer=SentAnswer,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(UserNotFound, Blocked, Rejected),
        rate="send",
    )
    async def send_message(self, requester: Requester, body: Write) -> SentAnswer:
        """Send a direct message."""
        new = body.message
        message = await self.direct.write(
            requester.user, Id(new.user), new.text, new.client_id or requester.idempotency_id
        )
        return {"data": {"message": [direct_document(message)]}}

    @post(
        "/user/messages",
        body=List,
        example={"author": "52efb7baf009c900003731c7", "limit": 4, "offset": 0},
        answer=MessagesAnswer | CountAnswer,
        session=REQUIRED,
        raises=(UserNotFound,),
        rate="read",
    )
    async def messages(self, requester: Requester, body: List) -> MessagesAnswer | CountAnswer:
        """List direct messages, newest first, or count the unread ones."""
        author = None if body.author is None else Id(body.author)
        to = None if body.user is None else Id(body.user)
        if body.countOnly:
            return {"data": {"count": await self.direct.count_unread(requester.user, author=author, to=to)}}
        messages = await self.direct.messages(
            requester.user, author=author, to=to, offset=body.offset, limit=body.limit
        )
        return {"data": {"messages": [direct_document(message) for message in messages]}}

    @post("/user/dialogs", body=Empty, answer=DialogsAnswer, session=REQUIRED, rate="read")
    async def dialogs(self, requester: Requester, body: Empty) -> DialogsAnswer:
        """List the caller's dialogs, latest first."""
        dialogs = await self.direct.dialogs(requester.user)
        return {
            "data": {
                "dialogs": [
                    {
                        "user": dialog.other,
                        "last_message": direct_document(dialog.last_message),
                        "unread": dialog.unread,
                    }
                    for dialog in dialogs
                ]
            }
        }

    @post(
        "/user/dialog",
        body=DialogWith,
        example={"user": "52efb7baf009c900003731c7", "skip": 0, "limit": 100},
        answer=DialogAnswer,
        session=REQUIRED,
        raises=(UserNotFound,),
        rate="read",
    )
    async def dialog(self, requester: Requester, body: DialogWith) -> DialogAnswer:
        """Read the messages between the caller and a user, newest first."""
        messages = await self.direct.dialog(requester.user, Id(body.user), skip=body.skip, limit=body.limit)
        return {"data": {"dialog": [direct_document(message) for message in messages]}}

    @post(
        "/user/remove-dialog",
        body=WithUser,
        example={"user": "52efb7baf009c900003731c7"},
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(UserNotFound,),
    )
    async def remove_dialog(self, requester: Requester, body: WithUser) -> Nothing:
        """Remove the caller's copy of a dialog."""
        await self.direct.remove_dialog(requester.user, Id(body.user))
        return {}

    @post(
        "/user/messages/mark-as-read",
        body=OneMessage,
        example={"message": "530a30c649b9733ae9af7145"},
        answer=DirectAnswer,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(MessageNotFound,),
    )
    async def mark_as_read(self, requester: Requester, body: OneMessage) -> DirectAnswer:
        """Mark a message as read."""
        message = await self.direct.mark_as_read(requester.user, Id(body.message))
        return {"data": {"message": direct_document(message)}}

    @post(
        "/user/messages/remove",
        body=OneMessage,
        example={"message": "530a30c649b9733ae9af7145"},
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(MessageNotFound,),
    )
    async def remove(self, requester: Requester, body: OneMessage) -> Nothing:
        """Remove the caller's copy of a message."""
        await self.direct.remove(requester.user, Id(body.message))
        return {}
