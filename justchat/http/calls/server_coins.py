"""The call ``/server/coins/add``, for an app's own server."""

from collections.abc import Callable

from attrs import frozen

from justchat.actions.accounts import Accounts
from justchat.actions.money import Money
from justchat.actions.operating import OperatorActions
from justchat.errors import Conflict, UserNotFound
from justchat.http.endpoint import Requester, server_post
from justchat.http.fields import Body, Coins, IdField, OptionalText, PaymentId
from justchat.http.operator_responses import ServerUserAnswer
from justchat.model.audit import Actor
from justchat.model.ids import Id
from justchat.model.moment import Clock
from justchat.model.server_key import Scope
from justchat.protocol.operator_documents import operator_user_document


class AddCoins(Body):
    user: IdField
    coins: Coins
    payment_id: PaymentId
    note: OptionalText = ""


@frozen
class ServerCoinCalls:
    """See docs/protocol.rst, "An app's own server"."""

    money: Money
    accounts: Accounts
    operating_as: Callable[[Actor], OperatorActions]
    clock: Clock

    @server_post(
        "/server/coins/add",
        scopes=(Scope.COINS,),
        body=AddCoins,
        example={"user": "52efb7baf009c900003731c7", "coins": 200, "payment_id": "order 17", "note": "starter pack"},
        answer=ServerUserAnswer,
        raises=(UserNotFound, Conflict),
        keeps_answer=False,
    )
    async def add(self, requester: Requester, body: AddCoins) -> ServerUserAnswer:
        """Add coins that a user has paid for, once for each payment."""
        record = self.operating_as(requester.actor).record
        await self.money.add(Id(body.user), body.coins, body.payment_id, body.note, record)
        user = await self.accounts.show(Id(body.user))
        return {"data": {"user": operator_user_document(user, self.clock())}}
