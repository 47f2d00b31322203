"""The call ``/user/delete``."""

from attrs import frozen

from justchat.actions.deletion import AccountDeletion
from justchat.errors import WrongKey
from justchat.http.endpoint import REQUIRED, Requester, post
from justchat.http.fields import Body, KeyField
from justchat.http.responses import DeletionAnswer
from justchat.model.moment import iso


class Delete(Body):
    key: KeyField


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
        raises=(WrongKey,),
        rate="sign_in",
    )
    async def delete(self, requester: Requester, body: Delete) -> DeletionAnswer:
        """Delete the caller's account, after a grace in which signing in cancels that."""
        at = await self.deletion.request(requester.user, body.key, requester.address)
        return {"data": {"deletes_at": iso(at)}}
