"""The calls ``/complaints/…``."""

from attrs import frozen

from justchat.actions.complaints import Complaints
from justchat.errors import MessageNotFound, NotInRoom, RoomNotFound
from justchat.http.endpoint import REQUIRED, Requester, post
from justchat.http.fields import Body, IdField, Text
from justchat.http.responses import ComplaintAnswer
from justchat.model.ids import Id
from justchat.protocol.documents import complaint_document


class Complain(Body):
    message: IdField
    text: Text


@frozen
class ComplaintCalls:
    """See docs/protocol.rst, "Complaints and images"."""

    complaints: Complaints

    @post(
        "/complaints/new",
        body=Complain,
        example={"message": "530a30c649b9733ae9af7145", "text": "rude"},
        answer=ComplaintAnswer,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(MessageNotFound, RoomNotFound, NotInRoom),
        rate="send",
    )
    async def new(self, requester: Requester, body: Complain) -> ComplaintAnswer:
        """Complain about a message that the caller can see."""
        complaint = await self.complaints.complain(
            requester.user, Id(body.message), body.text, requester.idempotency_id
        )
        return {"complaint": complaint_document(complaint)}
