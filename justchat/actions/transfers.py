"""Transfers of coins: the steps that every change of a balance takes.

A transfer begins in the ledger (``store/ledger.py`` has the steps), is applied to the balance, hands a gift over, and
finishes. Each step may be repeated. A retry under the same id, and the start after a crash, resume a transfer where it
stopped.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from attrs import frozen

from justchat.actions.presence import current_room
from justchat.errors import ApiError, Blocked
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.money import ILedger
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.metrics.declarations import COINS_IN, COINS_OUT
from justchat.model.entry import Entry, Kind
from justchat.model.gift import Gift, Reason, Transfer
from justchat.model.ids import Id


@frozen(kw_only=True)
class Transfers:
    """Carries out transfers."""

    users: IUsers
    rooms: IRooms
    ledger: ILedger
    mailboxes: IMailboxes

    async def carry_out(self, transfer: Transfer, refusal: type[ApiError]) -> None:
        """Begin or resume a transfer, and finish it. Raises ``refusal`` where the ledger does not apply it, and Blocked
        where a gift may not be given.
        """
        _, finished = await self.begin_or_resume(transfer, self.ledger.begin)
        if finished:
            return
        if not await self.ledger.apply(transfer):
            await self.ledger.cancel(transfer.id)
            raise refusal
        await self._finish(transfer)

    async def begin_or_resume(
        self, transfer: Transfer, begin: Callable[[Transfer], Awaitable[bool]]
    ) -> tuple[Transfer, bool]:
        """The first transfer with this id, which this call begins if there is none; and whether it is finished.

        ``begin`` adds it to the ledger, as ``ILedger.begin`` does.
        """
        if await begin(transfer):
            return transfer, False
        return await self.ledger.get(transfer.id) or (transfer, False)

    async def apply_and_finish(self, transfer: Transfer) -> None:
        """Finish a transfer that has begun and cannot be refused, as a payment."""
        await self.ledger.apply(transfer)
        await self._finish(transfer)

    async def _finish(self, transfer: Transfer) -> None:
        """Do the steps that are left once the balance has changed. Raises Blocked, once the coins are back."""
        gift, to = transfer.gift, transfer.to
        if gift is not None and to is not None and not await self._hand_over(transfer, gift, to):
            await self.ledger.undo(transfer)
            raise Blocked
        await self.ledger.finish(transfer)
        coins = COINS_IN if transfer.amount > 0 else COINS_OUT
        coins.count(transfer.reason.value, by=abs(transfer.amount))

    async def _hand_over(self, transfer: Transfer, gift: Gift, to: Id) -> bool:
        """Give a gift, or refuse it for ever: whether it is given."""
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

        return await self.mailboxes.give(transfer.user, to, transfer.id, make)

    async def finish_interrupted(self, *, all: bool) -> None:
        """Finish or cancel the transfers that a crash interrupted. ``all``: those of a moment ago, too."""
        for transfer in await self.ledger.unfinished(all=all):
            if transfer.reason is Reason.PAYMENT:  # the user has paid, whether or not they had our answer
                await self.ledger.apply(transfer)
            if await self.ledger.is_applied(transfer):
                with suppress(Blocked):
                    await self._finish(transfer)
            else:
                await self.ledger.cancel(transfer.id)
