"""Gifts, and coins that change hands."""

from enum import StrEnum

from attrs import frozen

from justchat.model.ids import Id
from justchat.model.moment import Moment


@frozen(kw_only=True)
class Gift:
    """Something of the catalogue; ``price`` in coins."""

    id: Id
    name: str
    image: str
    price: int
    created_at: Moment


class Reason(StrEnum):
    """Why a balance changes."""

    PAYMENT = "payment"
    FREE_COINS = "free coins"
    GIFT = "gift"
    CORRECTION = "correction"


@frozen(kw_only=True)
class Transfer:
    """A change of a user's balance by ``amount`` coins, as the ledger keeps it.

    ``gift``, ``to`` and ``text`` are those of a gift; ``note`` says what an operator corrected, or which network
    the free coins are of.
    """

    id: Id
    user: Id
    amount: int
    reason: Reason
    created_at: Moment
    gift: Gift | None = None
    to: Id | None = None
    text: str | None = None
    note: str | None = None
