"""Coins: top-ups, free coins, and gifts. Each is a transfer (``transfers``)."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Literal

from attrs import frozen

from justchat.actions.transfers import Transfers
from justchat.actions.word_filter import WordFilter
from justchat.errors import ApiError, Conflict, NotEnoughCoins, TooSoon, WrongSignature
from justchat.interfaces.audit import RecordDeed
from justchat.interfaces.counters import IRateWindows
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.money import ICatalogue, ILedger
from justchat.interfaces.pictures import IPictureRecords
from justchat.interfaces.users import IUsers
from justchat.model.audit import Deed
from justchat.model.gift import Gift, Reason, Transfer
from justchat.model.ids import Id, derived_id, new_id
from justchat.model.moment import Clock
from justchat.model.pictures import pictures_in
from justchat.model.rate import Rate, RateCounter
from justchat.policy import check_not_blocked

UNNUMBERED = "unnumbered-top-ups"
Begin = Callable[[Transfer], Awaitable[bool]]
"""Adds a transfer to the ledger, as ``ILedger.begin`` does."""
Network = Literal["mailru", "vk", "facebook", "twitter"]


@frozen(kw_only=True)
class Money:
    """What a user can do with coins.

    ``secret_key`` signs top-ups. ``unnumbered`` limits one user's top-ups without a ``payment_id``; with
    ``allow_unnumbered`` false there are none. ``free_coins`` is what each network gives in 24 hours.
    """

    users: IUsers
    ledger: ILedger
    transfers: Transfers
    catalogue: ICatalogue
    mailboxes: IMailboxes
    pictures: IPictureRecords
    words: WordFilter
    rate_windows: IRateWindows
    clock: Clock
    secret_key: str
    allow_unnumbered: bool
    unnumbered: tuple[Rate, ...]
    free_coins: int

    async def top_up(
        self, user: Id, coins: int, secret: str, payment_id: str | None, idempotency_id: Id | None = None
    ) -> None:
        """Add coins that a user paid for. ``secret`` is the payment provider's signature.

        A retry with the same ``payment_id``, or the same ``idempotency_id``, adds nothing. Raises WrongSignature;
        Conflict where the payment was for another user or sum; TooManyRequests after too many payments without a
        ``payment_id``.
        """
        if not self._is_signed(user, coins, secret, payment_id):
            raise WrongSignature
        if payment_id is None:
            return await self._pay(idempotency_id or new_id(), user, coins, None, self._begin_unnumbered)
        await self._pay(derived_id("payment", payment_id), user, coins, payment_id, self.ledger.begin)

    async def add(self, user: Id, coins: int, payment_id: str, note: str, record: RecordDeed) -> None:
        """Add coins that an app's own server says were paid for, once for each ``payment_id``, whichever way it comes.

        Raises UserNotFound; Conflict where the payment was for another user or sum.
        """
        await self.users.exists(user)
        noted = f"{payment_id}: {note}" if note else payment_id
        id = derived_id("payment", payment_id)
        if await self.ledger.get(id) is None:
            # Calls at the same time have one line, as they have one row.
            line = derived_id("audit", "payment", user, str(coins), payment_id)
            await record(Deed.ADD_COINS, user, f"{coins} coins: {noted}", line=line)
        await self._pay(id, user, coins, noted, self.ledger.begin)

    async def _pay(self, id: Id, user: Id, coins: int, note: str | None, begin: Begin) -> None:
        transfer = Transfer(id=id, user=user, amount=coins, reason=Reason.PAYMENT, created_at=self.clock(), note=note)
        first, finished = await self.transfers.begin_or_resume(transfer, begin)
        if (first.user, first.amount) != (user, coins):
            raise Conflict("this payment was for another user or sum")
        if not finished:
            await self.transfers.apply_and_finish(transfer)

    async def _begin_unnumbered(self, transfer: Transfer) -> bool:
        """Begin a top-up without a payment_id, which is counted if it is new. Raises TooManyRequests."""
        hits = await self.rate_windows.take([RateCounter(UNNUMBERED, transfer.user, self.unnumbered)])
        try:
            begun = await self.ledger.begin(transfer)
        except ApiError:  # the client may retry
            await self.rate_windows.give_back(hits)
            raise
        if not begun:
            await self.rate_windows.give_back(hits)
        return begun

    def _is_signed(self, user: Id, coins: int, secret: str, payment_id: str | None) -> bool:
        # Coins are whole and at most 10^9, which Python and JavaScript print alike.
        if payment_id is None:
            if not self.allow_unnumbered:
                return False
            # The original API's signature. It can be replayed, so an operator can refuse it.
            right = hashlib.md5(f"{self.secret_key}{coins}".encode(), usedforsecurity=False).hexdigest()
        else:
            # Coins and user contain no colon, so a payment_id may.
            signed = f"{payment_id}:{coins}:{user}"
            right = hmac.new(self.secret_key.encode(), signed.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(right.encode(), secret.lower().encode())

    async def take_free_coins(self, user: Id, network: Network, idempotency_id: Id | None = None) -> None:
        """Add the coins for a post about us on a social network.

        Raises TooSoon within 24 hours of the last ones for this network.
        """
        transfer = Transfer(
            id=idempotency_id or new_id(),
            user=user,
            amount=self.free_coins,
            reason=Reason.FREE_COINS,
            created_at=self.clock(),
            note=network,
        )
        await self.transfers.carry_out(transfer, TooSoon)

    async def gifts(self) -> list[Gift]:
        """The gifts that can be bought, the cheapest first."""
        return await self.catalogue.all()

    async def give(self, giver: Id, gift: Id, to: Id, text: str, idempotency_id: Id | None = None) -> None:
        """Buy a gift for a user: the giver pays and the user receives it, or neither.

        A retry with the same ``idempotency_id`` buys nothing. Raises GiftNotFound, UserNotFound, Blocked, Rejected,
        NotEnoughCoins.
        """
        bought = await self.catalogue.get(gift)
        await self.users.exists(to)
        text = self.words.checked(text)
        if idempotency_id is None or await self.ledger.get(idempotency_id) is None:
            # A block that comes after this is found when the gift is handed over, and the coins come back.
            check_not_blocked(await self.mailboxes.mailbox(giver), to)
            check_not_blocked(await self.mailboxes.mailbox(to), giver)
        await self.pictures.refer(pictures_in(text))
        transfer = Transfer(
            id=idempotency_id or new_id(),
            user=giver,
            amount=-bought.price,
            reason=Reason.GIFT,
            created_at=self.clock(),
            gift=bought,
            to=to,
            text=text,
        )
        await self.transfers.carry_out(transfer, NotEnoughCoins)
