"""The calls for coins and gifts."""

from attrs import frozen

from justchat.actions.accounts import Accounts
from justchat.actions.money import Money, Network
from justchat.errors import (
    Blocked,
    Conflict,
    GiftNotFound,
    NotEnoughCoins,
    Rejected,
    TooSoon,
    UserNotFound,
    WrongSignature,
)
from justchat.http.endpoint import REQUIRED, Requester, post
from justchat.http.fields import Body, Coins, Empty, IdField, OptionalText, PaymentId, SignatureField
from justchat.http.responses import GiftsAnswer, Nothing, UserAnswer
from justchat.model.ids import Id
from justchat.protocol.documents import gift_document, user_document


class TopUp(Body):
    balance: Coins
    secret: SignatureField
    payment_id: PaymentId | None = None


class FreeCoins(Body):
    type: Network


class Give(Body):
    gift: IdField
    user: IdField
    text: OptionalText


@frozen
class MoneyCalls:
    """See docs/protocol.rst, "Money and gifts"."""

    money: Money
    accounts: Accounts

    @post(
        "/user/updateBalance",
        body=TopUp,
        example={"balance": 200, "secret": "0123456789abcdef0123456789abcdef"},
        answer=UserAnswer,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(WrongSignature, Conflict),
    )
    async def update_balance(self, requester: Requester, body: TopUp) -> UserAnswer:
        """Add coins that the user has paid for."""
        await self.money.top_up(requester.user, body.balance, body.secret, body.payment_id, requester.idempotency_id)
        user = await self.accounts.show(requester.user)
        return {"data": {"user": user_document(user, requester.user, show_phones=True)}}

    @post(
        "/user/free-coins",
        body=FreeCoins,
        example={"type": "vk"},
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(TooSoon,),
    )
    async def free_coins(self, requester: Requester, body: FreeCoins) -> Nothing:
        """Take the coins for sharing the chat in a social network."""
        await self.money.take_free_coins(requester.user, body.type, requester.idempotency_id)
        return {}

    @post("/gifts", body=Empty, answer=GiftsAnswer, session=REQUIRED, rate="read")
    async def gifts(self, requester: Requester, body: Empty) -> GiftsAnswer:
        """List the gifts that can be bought, cheapest first."""
        return {"data": {"gifts": [gift_document(gift) for gift in await self.money.gifts()]}}

    @post(
        "/gifts/send",
        body=Give,
        example={"gift": "530a30c649b9733ae9af7146", "user": "52efb7baf009c900003731c7", "text": "for you"},
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(GiftNotFound, UserNotFound, Blocked, Rejected, NotEnoughCoins),
        rate="send",
    )
    async def send(self, requester: Requester, body: Give) -> Nothing:
        """Buy a gift for a user."""
        await self.money.give(requester.user, Id(body.gift), Id(body.user), body.text, requester.idempotency_id)
        return {}
