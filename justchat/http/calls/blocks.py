"""The calls about blocks of users."""

from attrs import frozen

from justchat.actions.blocks import Blocks
from justchat.errors import TooManyBlocks, UserNotFound
from justchat.http.endpoint import REQUIRED, Requester, post
from justchat.http.fields import Body, IdField, Limit, Offset
from justchat.http.responses import BlocksAnswer, Nothing
from justchat.model.ids import Id
from justchat.model.moment import iso


class Whom(Body):
    user: IdField


class BlocksPage(Body):
    skip: Offset = 0
    limit: Limit = 100


@frozen
class BlockCalls:
    """See docs/protocol.rst, "Blocks"."""

    blocks: Blocks

    @post(
        "/user/block",
        body=Whom,
        example={"user": "52efb7baf009c900003731c7"},
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(UserNotFound, TooManyBlocks),
    )
    async def block(self, requester: Requester, body: Whom) -> Nothing:
        """Block a user."""
        await self.blocks.block(requester.user, Id(body.user))
        return {}

    @post(
        "/user/unblock",
        body=Whom,
        example={"user": "52efb7baf009c900003731c7"},
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(UserNotFound,),
    )
    async def unblock(self, requester: Requester, body: Whom) -> Nothing:
        """Unblock a user."""
        await self.blocks.unblock(requester.user, Id(body.user))
        return {}

    @post("/user/blocks", body=BlocksPage, answer=BlocksAnswer, session=REQUIRED, rate="read")
    async def list(self, requester: Requester, body: BlocksPage) -> BlocksAnswer:
        """List the users whom the caller blocks, latest first."""
        blocks = await self.blocks.of(requester.user, body.skip, body.limit)
        return {"data": {"blocks": [{"user": user, "create_at": iso(since)} for user, since in blocks]}}
