"""The calls ``/server/complaints/…``, for an app's own server."""

from collections.abc import Callable
from typing import Literal

from attrs import frozen

from justchat.actions.operating import ComplaintDetails, OperatorActions
from justchat.errors import Conflict, NotFound
from justchat.http.endpoint import Requester, server_post
from justchat.http.fields import Body, IdField, Limit, Offset, Text
from justchat.http.operator_responses import ServerComplaintsAnswer, ShownComplaintAnswer
from justchat.http.responses import Nothing
from justchat.model.audit import Actor, Deed
from justchat.model.direct import DirectMessage
from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.moment import Clock, Moment
from justchat.model.server_key import Scope
from justchat.model.user import User
from justchat.protocol.documents import (
    DirectMessageDocument,
    MessageDocument,
    direct_document,
    message_document,
    room_document,
)
from justchat.protocol.operator_documents import (
    OperatorUserDocument,
    operator_user_document,
    server_complaint_document,
)


class ListComplaints(Body):
    status: Literal["open", "closed"] | None = None
    skip: Offset = 0
    limit: Limit = 100


class ComplaintBody(Body):
    complaint: IdField


class CloseComplaint(ComplaintBody):
    note: Text


@frozen
class ServerComplaintCalls:
    """See docs/protocol.rst, "An app's own server"."""

    operating_as: Callable[[Actor], OperatorActions]
    clock: Clock

    @server_post(
        "/server/complaints/list",
        scopes=(Scope.COMPLAINTS, Scope.CONSOLE),
        body=ListComplaints,
        example={"status": "open", "skip": 0, "limit": 100},
        answer=ServerComplaintsAnswer,
        keeps_answer=False,
    )
    async def list_complaints(self, requester: Requester, body: ListComplaints) -> ServerComplaintsAnswer:
        """List complaints, the latest first."""
        operating = self.operating_as(requester.actor)
        await operating.record_read(Deed.LIST_COMPLAINTS, None, body.status)
        closed = None if body.status is None else body.status == "closed"
        found = await operating.list_complaints(body.limit, closed=closed, skip=body.skip)
        return {"data": {"complaints": list(map(server_complaint_document, found))}}

    @server_post(
        "/server/complaints/show",
        scopes=(Scope.COMPLAINTS, Scope.CONSOLE),
        body=ComplaintBody,
        example={"complaint": "530a30c649b9733ae9af7147"},
        answer=ShownComplaintAnswer,
        raises=(NotFound,),
        keeps_answer=False,
    )
    async def show_complaint(self, requester: Requester, body: ComplaintBody) -> ShownComplaintAnswer:
        """Show a complaint with its room, both people, what was said around it, and earlier complaints."""
        details = await self.operating_as(requester.actor).show_complaint(Id(body.complaint))
        return _shown(details, self.clock())

    @server_post(
        "/server/complaints/close",
        scopes=(Scope.COMPLAINTS, Scope.CONSOLE),
        body=CloseComplaint,
        example={"complaint": "530a30c649b9733ae9af7147", "note": "the author was suspended"},
        answer=Nothing,
        raises=(NotFound, Conflict),
    )
    async def close_complaint(self, requester: Requester, body: CloseComplaint) -> Nothing:
        """Close a complaint, with a note on what was done about it."""
        await self.operating_as(requester.actor).close_complaint(Id(body.complaint), body.note)
        return {}

    @server_post(
        "/server/complaints/reopen",
        scopes=(Scope.COMPLAINTS, Scope.CONSOLE),
        body=ComplaintBody,
        example={"complaint": "530a30c649b9733ae9af7147"},
        answer=Nothing,
        raises=(NotFound, Conflict),
    )
    async def reopen_complaint(self, requester: Requester, body: ComplaintBody) -> Nothing:
        """Open a closed complaint again, without its note."""
        await self.operating_as(requester.actor).reopen_complaint(Id(body.complaint))
        return {}


def _shown(details: ComplaintDetails, at: Moment) -> ShownComplaintAnswer:
    return {
        "data": {
            "complaint": server_complaint_document(details.complaint),
            "room": None if details.room is None else room_document(details.room, at),
            "author": _person(details.author, at),
            "user": _person(details.user, at),
            "around": list(map(_message, details.around)),
            "earlier": list(map(server_complaint_document, details.earlier)),
            "others": list(map(server_complaint_document, details.others)),
        }
    }


def _person(user: User | None, at: Moment) -> OperatorUserDocument | None:
    return None if user is None else operator_user_document(user, at)


def _message(message: Entry | DirectMessage) -> MessageDocument | DirectMessageDocument:
    return message_document(message) if isinstance(message, Entry) else direct_document(message)
