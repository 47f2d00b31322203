"""What the HTTP API asks of the store of idempotency keys."""

from attrs import frozen
from zope.interface import Interface

from justchat.model.ids import Id


@frozen(kw_only=True)
class Claim:
    """The right to carry out a call.

    ``idempotency_id`` is random, and the same for every retry of the call. What the call creates has an
    id derived from it.
    """

    id: Id
    idempotency_id: Id


class IIdempotencyKeys(Interface):
    """The store of answers to calls with an Idempotency-Key, kept for a day."""

    async def claim(id: Id, request: bytes, by: Id) -> Claim | tuple[int, bytes]:
        """Claim a call for the caller named ``by``; or return the status and body that answered it before.

        Raises KeyReused where another request used the key, InProgress where this request is in progress.
        """

    async def keep(id: Id, by: Id, status: int, answer: bytes) -> None:
        """Store the answer of a call. Nothing is stored for a claim that expired and was taken over."""

    async def renew(id: Id, by: Id) -> None:
        """Say that the call is still in progress: a claim that is not renewed expires."""

    async def release(id: Id, by: Id) -> None:
        """Release the claim of a call that was not carried out. The client may retry."""

    async def release_all() -> None:
        """Release every claim: this is the only daemon, so calls in progress died with the one before."""
