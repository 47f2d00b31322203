"""What the HTTP API asks of the store of idempotency keys."""

from attrs import frozen
from zope.interface import Interface

from justchat.model.ids import Id


@frozen(kw_only=True)
class Claim:
    """The right to carry out a call.

    ``idempotency_id`` is random, and the same for every retry of the call. What the call creates derives its id from it.
    """

    id: Id
    idempotency_id: Id


class IIdempotencyKeys(Interface):
    """What calls that came with an Idempotency-Key were answered, for a day."""

    async def claim(id: Id, request: bytes, by: Id) -> Claim | tuple[int, bytes]:
        """The right to carry the call out, for who goes by ``by``, or the status and body it was answered with.

        Raises KeyReused where another request had the key, InProgress where this one is under way.
        """

    async def keep(id: Id, by: Id, status: int, answer: bytes) -> None:
        """This is the answer from now on; of a claim that ran out and was taken over, nothing is kept."""

    async def release(id: Id, by: Id) -> None:
        """The call was given up, and may be sent again."""

    async def release_all() -> None:
        """Whatever was under way has died with its daemon: there is but this one."""
