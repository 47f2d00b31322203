"""The calls ``/server/users/…``, for an app's own server."""

from collections.abc import Callable
from typing import Any

from attrs import frozen
from pydantic import ConfigDict, model_validator

from justchat.actions.accounts import Accounts
from justchat.actions.operating import OperatorActions
from justchat.actions.server_users import ServerUsers, UserReference
from justchat.errors import UserNotFound
from justchat.http.endpoint import Requester, server_post
from justchat.http.fields import Body, ExternalId, IdField, PhoneField, invalid
from justchat.http.responses import ServerUserAnswer
from justchat.model.audit import Actor, Deed
from justchat.model.ids import Id
from justchat.model.server_key import Scope
from justchat.protocol.documents import server_user_document

NAMES = ("user", "external_id", "phone")
_ONE_OF: Any = [{"properties": {name: {"type": ["string", "integer"]}}, "required": [name]} for name in NAMES]


class UserBody(Body):
    """A body that names a user by exactly one of three fields."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _ONE_OF})
    user: IdField | None = None
    external_id: ExternalId | None = None
    phone: PhoneField | None = None

    @model_validator(mode="after")
    def _one_user(self) -> "UserBody":
        if [getattr(self, name) is None for name in NAMES].count(False) != 1:
            raise invalid("exactly one of user, external_id and phone is required")
        return self

    def reference(self) -> UserReference:
        """The user that is named."""
        user = None if self.user is None else Id(self.user)
        return UserReference(user=user, external_id=self.external_id, phone=self.phone)


@frozen
class ServerUserCalls:
    """See docs/protocol.rst, "An app's own server"."""

    accounts: Accounts
    server_users: ServerUsers
    operating_as: Callable[[Actor], OperatorActions]

    @server_post(
        "/server/users/get",
        scope=Scope.USERS,
        body=UserBody,
        example={"user": "52efb7baf009c900003731c7"},
        answer=ServerUserAnswer,
        raises=(UserNotFound,),
        keeps_answer=False,
    )
    async def get(self, requester: Requester, body: UserBody) -> ServerUserAnswer:
        """Show a user to the app's server."""
        user = await self.accounts.show(await self.server_users.find(body.reference()))
        await self.operating_as(requester.actor).record(Deed.GET_USER, user.id)
        return {"data": {"user": server_user_document(user)}}
