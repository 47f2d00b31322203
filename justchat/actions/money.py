"""Coins: top-ups, free coins, corrections, and gifts.

Every change of a balance is a transfer in the ledger (``store/ledger.py`` has the steps): it begins, it is applied to
the balance, a gift is handed over, it finishes. Each step may be repeated. A retry under the same id, and the start
after a crash, resume a transfer where it stopped.
"""

import hashlib
import hmac
from typing import Literal

from attrs import frozen

from justchat.actions.presence import current_room
from justchat.errors import ApiError, Conflict, NotEnoughCoins, TooSoon, WrongSignature
from justchat.interfaces.counters import IRateWindows
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.money import ICatalogue, ILedger
from justchat.interfaces.pictures import IPictureRecords
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.model.entry import Entry, Kind
from justchat.model.gift import Gift, Reason, Transfer
from justchat.model.ids import Id, derived_id, new_id
from justchat.model.moment import Clock
from justchat.model.pictures import pictures_in
from justchat.model.rate import Rate, RateCounter

UNNUMBERED = "unnumbered-top-ups"
Network = Literal["mailru", "vk", "facebook", "twitter"]


@frozen(kw_only=True)
class Money:
    """What a user, or an operator, can do with coins.

    ``secret_key`` signs top-ups. ``unnumbered`` limits one user's top-ups without a ``payment_id``; with
    ``allow_unnumbered`` false there are none. ``free_coins`` is what each network gives in 24 hours.
    """

    users: IUsers
    rooms: IRooms
    ledger: ILedger
    catalogue: ICatalogue
    pictures: IPictureRecords
    mailboxes: IMailboxes
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
        transfer = Transfer(
            id=(idempotency_id or new_id()) if payment_id is None else derived_id("payment", payment_id),
            user=user,
            amount=coins,
            reason=Reason.PAYMENT,
            created_at=self.clock(),
            note=payment_id,
        )
        first, finished = await self._begin_or_resume(transfer)
        if (first.user, first.amount) != (user, coins):
            raise Conflict("this payment was for another user or sum")
        if not finished:
            await self.ledger.apply(transfer)
            await self._finish(transfer)

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
        await self._carry_out(transfer, TooSoon)

    async def correct(self, user: Id, coins: int, note: str) -> None:
        """Add an operator's correction to a balance; it may be negative. Raises UserNotFound, NotEnoughCoins."""
        await self.users.exists(user)
        transfer = Transfer(
            id=new_id(), user=user, amount=coins, reason=Reason.CORRECTION, created_at=self.clock(), note=note
        )
        await self._carry_out(transfer, NotEnoughCoins)

    async def gifts(self) -> list[Gift]:
        """The gifts that can be bought, the cheapest first."""
        return await self.catalogue.all()

    async def give(self, giver: Id, gift: Id, to: Id, text: str, idempotency_id: Id | None = None) -> None:
        """Buy a gift for a user: the giver pays and the user receives it, or neither.

        A retry with the same ``idempotency_id`` buys nothing. Raises GiftNotFound, UserNotFound, NotEnoughCoins.
        """
        bought = await self.catalogue.get(gift)
        await self.users.exists(to)
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
        await self._carry_out(transfer, NotEnoughCoins)

    async def _carry_out(self, transfer: Transfer, refusal: type[ApiError]) -> None:
        """Begin or resume a transfer, and finish it. Raises ``refusal`` where the ledger does not apply it."""
        _, finished = await self._begin_or_resume(transfer)
        if finished:
            return
        if not await self.ledger.apply(transfer):
            await self.ledger.cancel(transfer.id)
            raise refusal
        await self._finish(transfer)

    async def _begin_or_resume(self, transfer: Transfer) -> tuple[Transfer, bool]:
        """The first transfer with this id, which this call begins if there is none; and whether it is finished."""
        if await self._begin(transfer):
            return transfer, False
        return await self.ledger.get(transfer.id) or (transfer, False)

    async def _begin(self, transfer: Transfer) -> bool:
        """Add a transfer to the ledger; False where its id is there. A new top-up without a payment_id is counted."""
        if transfer.reason is not Reason.PAYMENT or transfer.note is not None:
            return await self.ledger.begin(transfer)
        hits = await self.rate_windows.take([RateCounter(UNNUMBERED, transfer.user, self.unnumbered)])
        try:
            begun = await self.ledger.begin(transfer)
        except ApiError:  # the client may retry
            await self.rate_windows.give_back(hits)
            raise
        if not begun:
            await self.rate_windows.give_back(hits)
        return begun

    async def _finish(self, transfer: Transfer) -> None:
        """Do the steps that are left once the balance has changed."""
        if transfer.gift is not None and transfer.to is not None:
            await self._hand_over(transfer, transfer.gift, transfer.to)
        await self.ledger.finish(transfer)

    async def _hand_over(self, transfer: Transfer, gift: Gift, to: Id) -> None:
        room = await current_room(to, self.users, self.rooms)

        def make(id: Id, seq: int) -> Entry:
            return Entry(
                id=id,
                stream=to,
                seq=seq,
                kind=Kind.GIFT,
                author=transfer.user,
                user=to,
                text=transfer.text,
                created_at=transfer.created_at,
                gift=gift,
                room=room,
            )

        await self.mailboxes.append_once(to, transfer.id, make)

    async def finish_transfers(self, *, all: bool) -> None:
        """Finish or cancel the transfers that a crash interrupted. ``all``: those of a moment ago, too."""
        for transfer in await self.ledger.unfinished(all=all):
            if transfer.reason is Reason.PAYMENT:  # the user has paid, whether or not they had our answer
                await self.ledger.apply(transfer)
            if await self.ledger.is_applied(transfer):
                await self._finish(transfer)
            else:
                await self.ledger.cancel(transfer.id)
