"""What actions ask of the ledger and the gift catalogue."""

from zope.interface import Interface

from justchat.model.gift import Gift, Transfer
from justchat.model.ids import Id


class ILedger(Interface):
    """The ledger: each transfer changes a balance once (``store/ledger.py`` has the steps)."""

    async def begin(transfer: Transfer) -> bool:
        """Add a transfer to the ledger. False where its id is there already."""

    async def get(transfer: Id) -> tuple[Transfer, bool] | None:
        """A transfer, and whether it is finished; None where there is none."""

    async def apply(transfer: Transfer) -> bool:
        """Change the balance by a transfer, once however often this is called.

        False where the balance would fall below 0 or, for free coins, the network's last ones are less than a day old.
        """

    async def is_applied(transfer: Transfer) -> bool:
        """Whether a transfer has changed the balance."""

    async def cancel(transfer: Id) -> None:
        """Remove a transfer that was not applied."""

    async def undo(transfer: Transfer) -> None:
        """Give the coins of an applied transfer back, once, and remove it."""

    async def finish(transfer: Transfer) -> None:
        """Mark a transfer as finished."""

    async def unfinished(*, all: bool) -> list[Transfer]:
        """Transfers that a crash interrupted. ``all``: those of a moment ago, too."""

    async def of(user: Id, limit: int) -> list[Transfer]:
        """A user's transfers, the latest first."""


class ICatalogue(Interface):
    """The catalogue of gifts."""

    async def get(gift: Id) -> Gift:
        """A gift that can be bought. Raises GiftNotFound."""

    async def all() -> list[Gift]:
        """The gifts that can be bought, the cheapest first."""

    async def put(gift: Gift) -> None:
        """Add a gift, or replace the one with its id."""

    async def ids(most: int) -> set[Id]:
        """The ids of at most ``most`` gifts, those off sale included."""

    async def withdraw(gift: Id) -> None:
        """Take a gift off sale. Raises GiftNotFound."""
