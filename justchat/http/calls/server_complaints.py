"""The calls ``/server/complaints/…``, for an app's own server."""

from collections.abc import Callable
from typing import Literal

from attrs import frozen

from justchat.actions.operating import OperatorActions
from justchat.errors import Conflict, NotFound
from justchat.http.endpoint import Requester, server_post
from justchat.http.fields import Body, IdField, Limit, Offset, Text
from justchat.http.responses import Nothing, ServerComplaintsAnswer
from justchat.model.audit import Actor, Deed
from justchat.model.ids import Id
from justchat.model.server_key import Scope
from justchat.protocol.documents import server_complaint_document


class ListComplaints(Body):
    status: Literal["open", "closed"] | None = None
    skip: Offset = 0
    limit: Limit = 100


class CloseComplaint(Body):
    complaint: IdField
    note: Text


@frozen
class ServerComplaintCalls:
    """See docs/protocol.rst, "An app's own server"."""

    operating_as: Callable[[Actor], OperatorActions]

    @server_post(
        "/server/complaints/list",
        scope=Scope.COMPLAINTS,
        body=ListComplaints,
        example={"status": "open", "skip": 0, "limit": 100},
        answer=ServerComplaintsAnswer,
        keeps_answer=False,
    )
    async def list_complaints(self, requester: Requester, body: ListComplaints) -> ServerComplaintsAnswer:
        """List complaints, the latest first."""
        operating = self.operating_as(requester.actor)
        await operating.record(Deed.LIST_COMPLAINTS, None, body.status)
        closed = None if body.status is None else body.status == "closed"
        found = await operating.list_complaints(body.limit, closed=closed, skip=body.skip)
        return {"data": {"complaints": list(map(server_complaint_document, found))}}

    @server_post(
        "/server/complaints/close",
        scope=Scope.COMPLAINTS,
        body=CloseComplaint,
        example={"complaint": "530a30c649b9733ae9af7147", "note": "the author was suspended"},
        answer=Nothing,
        raises=(NotFound, Conflict),
    )
    async def close_complaint(self, requester: Requester, body: CloseComplaint) -> Nothing:
        """Close a complaint, with a note on what was done about it."""
        await self.operating_as(requester.actor).close_complaint(Id(body.complaint), body.note)
        return {}
