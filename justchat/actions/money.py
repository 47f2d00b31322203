"""Coins: top-ups, free coins, corrections, and gifts bought with them."""

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
    """What one can do with coins.

    ``secret_key`` signs top-ups; ``unnumbered`` are the rates of one user's top-ups without a ``payment_id``;
    ``free_coins`` is what each network gives in 24 hours."""

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
        """Add coins that somebody paid for, as the signature says.

        With a ``payment_id``, or the same ``idempotency_id``, once, however often it is sent. Raises WrongSignature,
        Conflict for a payment that was for somebody else or another sum, and TooManyRequests for one payment without
        a ``payment_id`` too many.
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
        if not await self._begin_top_up(transfer):
            known = await self.ledger.get(transfer.id)
            assert known is not None
            first, finished = known
            if (first.user, first.amount) != (user, coins):
                raise Conflict("this payment was for somebody else or another sum")
            if finished:
                return
        await self.ledger.apply(transfer)
        await self._finish(transfer)

    async def _begin_top_up(self, transfer: Transfer) -> bool:
        """Put a top-up into the ledger; False where it is there. Without a ``payment_id`` it counts if it is new."""
        if transfer.note is not None:
            return await self.ledger.begin(transfer)
        counted = await self.rate_windows.take([RateCounter(UNNUMBERED, transfer.user, self.unnumbered)])
        try:
            begun = await self.ledger.begin(transfer)
        except ApiError:  # it may be sent again
            await self.rate_windows.give_back(counted)
            raise
        if not begun:
            await self.rate_windows.give_back(counted)
        return begun

    def _is_signed(self, user: Id, coins: int, secret: str, payment_id: str | None) -> bool:
        # Coins are whole and at most 10^9, which Python and JavaScript print alike.
        if payment_id is None:
            if not self.allow_unnumbered:
                return False
            # The original's signature, which can be replayed; an operator can refuse it.
            right = hashlib.md5(f"{self.secret_key}{coins}".encode(), usedforsecurity=False).hexdigest()
        else:
            # The last two parts have no colon, so a payment_id may have some.
            signed = f"{payment_id}:{coins}:{user}"
            right = hmac.new(self.secret_key.encode(), signed.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(right.encode(), secret.lower().encode())

    async def take_free_coins(self, user: Id, network: Network, idempotency_id: Id | None = None) -> None:
        """Add the coins for having told a network's people of us. Raises TooSoon within 24 hours of the last time."""
        transfer = Transfer(
            id=idempotency_id or new_id(),
            user=user,
            amount=self.free_coins,
            reason=Reason.FREE_COINS,
            created_at=self.clock(),
            note=network,
        )
        if await self._begin_or_resume(transfer):
            return
        if not await self.ledger.apply(transfer):
            await self.ledger.cancel(transfer.id)
            raise TooSoon
        await self.ledger.finish(transfer)

    async def correct(self, user: Id, coins: int, note: str) -> None:
        """An operator adds coins, or takes some. Raises UserNotFound, NotEnoughCoins."""
        await self.users.exists(user)
        transfer = Transfer(
            id=new_id(), user=user, amount=coins, reason=Reason.CORRECTION, created_at=self.clock(), note=note
        )
        await self._spend(transfer)

    async def gifts(self) -> list[Gift]:
        """What can be bought, the cheapest first."""
        return await self.catalogue.all()

    async def give(self, giver: Id, gift: Id, to: Id, text: str, idempotency_id: Id | None = None) -> None:
        """Buy a gift for somebody: it is paid for and received, or neither; with the same ``idempotency_id``, once.

        Raises GiftNotFound, UserNotFound, NotEnoughCoins.
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
        await self._spend(transfer)

    async def _spend(self, transfer: Transfer) -> None:
        if await self._begin_or_resume(transfer):
            return
        if not await self.ledger.apply(transfer):
            await self.ledger.cancel(transfer.id)
            raise NotEnoughCoins
        await self._finish(transfer)

    async def _begin_or_resume(self, transfer: Transfer) -> bool:
        """Begin a transfer, or go on with one that was begun before, under the same id: is there nothing left to do?"""
        if await self.ledger.begin(transfer):
            return False
        known = await self.ledger.get(transfer.id)
        return known is not None and known[1]

    async def _finish(self, transfer: Transfer) -> None:
        """Do what is left of a transfer whose coins have moved. Each step may be repeated."""
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
        """Complete the transfers that a crash left half done, and forget those that had not begun to matter."""
        for transfer in await self.ledger.unfinished(all=all):
            if transfer.reason is Reason.PAYMENT:  # somebody has paid, whether or not we answered
                await self.ledger.apply(transfer)
            if await self.ledger.is_applied(transfer):
                await self._finish(transfer)
            else:
                await self.ledger.cancel(transfer.id)
