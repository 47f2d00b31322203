"""The calls ``/complaints/…``."""

from typing import Any, Literal

from attrs import frozen
from pydantic import ConfigDict, model_validator

from justchat.actions.complaints import Complaints
from justchat.errors import MessageNotFound, NotInRoom, RoomNotFound, UserNotFound
from justchat.http.endpoint import REQUIRED, Requester, post
from justchat.http.fields import Body, IdField, Text, invalid
from justchat.http.responses import ComplaintAnswer
from justchat.model.complaint import ComplaintReason
from justchat.model.ids import Id
from justchat.protocol.documents import complaint_document

Reason = Literal["spam", "abuse", "nudity", "violence", "child-safety", "fraud", "other"]
"""The values of ComplaintReason."""
ABOUT = ("message", "user", "room")
_ONE_OF: Any = [{"properties": {name: {"type": "string"}}, "required": [name]} for name in ABOUT]


class Complain(Body):
    model_config = ConfigDict(json_schema_extra={"oneOf": _ONE_OF})
    message: IdField | None = None
    user: IdField | None = None
    room: IdField | None = None
    reason: Reason = "other"
    text: Text

    @model_validator(mode="after")
    def _one_thing(self) -> "Complain":
        if [getattr(self, name) is None for name in ABOUT].count(False) != 1:
            raise invalid("exactly one of message, user and room is required")
        return self


@frozen
class ComplaintCalls:
    """See docs/protocol.rst, "Complaints and images"."""

    complaints: Complaints

    @post(
        "/complaints/new",
        body=Complain,
        example={"message": "530a30c649b9733ae9af7145", "reason": "abuse", "text": "rude"},
        answer=ComplaintAnswer,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(MessageNotFound, UserNotFound, RoomNotFound, NotInRoom),
        rate="send",
    )
    async def new(self, requester: Requester, body: Complain) -> ComplaintAnswer:
        """Complain about a message that the caller can see, a user or a room."""
        complain, reason = self.complaints, ComplaintReason(body.reason)
        if body.message is not None:
            made = await complain.complain_of_message(requester.user, Id(body.message), reason, body.text)
        elif body.user is not None:
            made = await complain.complain_of_user(requester.user, Id(body.user), reason, body.text)
        else:
            made = await complain.complain_of_room(requester.user, Id(body.room or ""), reason, body.text)
        return {"complaint": complaint_document(made)}
