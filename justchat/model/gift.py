"""Gifts, and transfers of coins."""

from enum import StrEnum

from attrs import frozen

from justchat.model.ids import Id
from justchat.model.moment import Moment


@frozen(kw_only=True)
class Gift:
    """A gift of the catalogue. ``price`` is in coins."""

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
    """One row of the ledger: a change of a user's balance by ``amount`` coins.

    ``gift``, ``to`` and ``text`` are set for a gift. ``note`` is an operator's reason for a correction, the network of
    free coins, or the ``payment_id`` of a top-up.
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
