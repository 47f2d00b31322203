"""What actions ask of the ledger and the gift catalogue."""

from zope.interface import Interface

from justchat.model.gift import Gift, Transfer
from justchat.model.ids import Id


class ILedger(Interface):
    """Coins: what changed a balance, and that it did so once (see ``store/ledger.py`` for the steps)."""

    async def begin(transfer: Transfer) -> bool:
        """Note a transfer that is to be made; False where its id is in the ledger already."""

    async def get(transfer: Id) -> tuple[Transfer, bool] | None:
        """A transfer of the ledger, and whether it is finished."""

    async def apply(transfer: Transfer) -> bool:
        """Change the balance, once however often this is called; False where it would fall below 0, or, for
        free coins, the last ones of that network are less than a day old.
        """

    async def is_applied(transfer: Transfer) -> bool:
        """Whether the balance has been changed by this transfer."""

    async def cancel(transfer: Id) -> None:
        """Forget a transfer that was not applied."""

    async def finish(transfer: Transfer) -> None:
        """All of a transfer is done."""

    async def unfinished(*, all: bool) -> list[Transfer]:
        """Transfers that a crash left. ``all``: also those begun a moment ago."""

    async def of(user: Id, limit: int) -> list[Transfer]:
        """The latest transfers of a user, the latest first."""


class ICatalogue(Interface):
    """The gifts that can be bought."""

    async def get(gift: Id) -> Gift:
        """A gift that can be bought, or GiftNotFound."""

    async def all() -> list[Gift]:
        """The gifts that can be bought, the cheapest first."""

    async def put(gift: Gift) -> None:
        """Add a gift, or change the one with its id."""

    async def ids(most: int) -> set[Id]:
        """The ids of the gifts that there have ever been, ``most`` of them at the most."""

    async def withdraw(gift: Id) -> None:
        """A gift can be bought no more. Raises GiftNotFound."""
