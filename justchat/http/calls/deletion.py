"""The call ``/user/delete``."""

from attrs import frozen
from pydantic import ConfigDict, model_validator

from justchat.actions.deletion import AccountDeletion
from justchat.errors import WrongKey, WrongToken
from justchat.http.endpoint import REQUIRED, Requester, post
from justchat.http.fields import Body, KeyField, Token, invalid
from justchat.http.responses import DeletionAnswer
from justchat.model.moment import iso


class Delete(Body):
    """The caller's proof that it is them: the present key or, of who signs in so, a token."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["key"]}, {"required": ["jwt"]}]})

    key: KeyField | None = None
    jwt: Token | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Delete":
        if (self.key is None) == (self.jwt is None):
            raise invalid("either key or jwt is required")
        return self


@frozen
class DeletionCalls:
    """See docs/protocol.rst, "Account"."""

    deletion: AccountDeletion

    @post(
        "/user/delete",
        body=Delete,
        example={"key": 123456},
        answer=DeletionAnswer,
        session=REQUIRED,
        statuses=(202,),
        raises=(WrongKey, WrongToken),
        rate="sign_in",
    )
    async def delete(self, requester: Requester, body: Delete) -> DeletionAnswer:
        """Delete the caller's account, after a grace in which signing in cancels that."""
        if body.jwt is not None:
            at = await self.deletion.request(requester.user, body.jwt, requester.address, is_token=True)
        else:
            assert body.key is not None
            at = await self.deletion.request(requester.user, body.key, requester.address)
        return {"data": {"deletes_at": iso(at)}}
