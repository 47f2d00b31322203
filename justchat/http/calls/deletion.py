"""The call ``/user/delete``."""

from attrs import frozen
from pydantic import ConfigDict, field_validator

from justchat.actions.deletion import AccountDeletion
from justchat.errors import WrongKey, WrongToken
from justchat.http.endpoint import REQUIRED, Requester, post
from justchat.http.fields import Body, KeyField, Token, both, neither, one_proof
from justchat.http.responses import DeletionAnswer
from justchat.model.moment import iso


class Delete(Body):
    """The caller's proof that it is them: the present key or, of who signs in so, a token."""

    model_config = ConfigDict(
        validate_default=True, json_schema_extra={"not": {"anyOf": [neither("key"), both("key")]}}
    )

    jwt: Token | None = None
    key: KeyField | None = None

    _one_proof = field_validator("key")(one_proof)


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
