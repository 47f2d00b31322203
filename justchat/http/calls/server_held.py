"""The calls ``/server/held/…``: the messages that wait for an operator because of their words."""

from collections.abc import Callable

from attrs import frozen

from justchat.actions.operating import OperatorActions
from justchat.errors import Conflict, MessageNotFound
from justchat.http.calls.server_messages import MessageToRemove
from justchat.http.endpoint import Requester, server_post
from justchat.http.fields import Body, Limit, Offset
from justchat.http.operator_responses import HeldMessagesAnswer
from justchat.http.responses import Nothing
from justchat.model.audit import Actor
from justchat.model.entry import Entry, Kind
from justchat.model.held import Decision
from justchat.model.ids import Id
from justchat.model.server_key import Scope
from justchat.protocol.documents import DirectMessageDocument, MessageDocument, message_document, sent_document

_EXAMPLE = {"message": "530a30c649b9733ae9af7145"}


class ListHeld(Body):
    skip: Offset = 0
    limit: Limit = 100


@frozen
class ServerHeldCalls:
    """See docs/protocol.rst, "An app's own server"."""

    operating_as: Callable[[Actor], OperatorActions]

    @server_post(
        "/server/held/list",
        scopes=(Scope.CONSOLE,),
        body=ListHeld,
        example={"skip": 0, "limit": 100},
        answer=HeldMessagesAnswer,
        keeps_answer=False,
    )
    async def list_held(self, requester: Requester, body: ListHeld) -> HeldMessagesAnswer:
        """List the messages that wait, the oldest first."""
        found = await self.operating_as(requester.actor).list_held(body.limit, skip=body.skip)
        return {"data": {"messages": list(map(_document, found))}}

    @server_post(
        "/server/held/release",
        scopes=(Scope.CONSOLE,),
        body=MessageToRemove,
        example=_EXAMPLE,
        answer=Nothing,
        raises=(MessageNotFound, Conflict),
    )
    async def release(self, requester: Requester, body: MessageToRemove) -> Nothing:
        """Let a held message go: everybody sees it."""
        await self.operating_as(requester.actor).decide(Id(body.message), Decision.RELEASE)
        return {}

    @server_post(
        "/server/held/drop",
        scopes=(Scope.CONSOLE,),
        body=MessageToRemove,
        example=_EXAMPLE,
        answer=Nothing,
        raises=(MessageNotFound, Conflict),
    )
    async def drop(self, requester: Requester, body: MessageToRemove) -> Nothing:
        """Drop a held message: its text is erased."""
        await self.operating_as(requester.actor).decide(Id(body.message), Decision.DROP)
        return {}


def _document(message: Entry) -> MessageDocument | DirectMessageDocument:
    if message.kind is Kind.DIRECT_MESSAGE:
        return {**sent_document(message), "held": True}
    return message_document(message)
