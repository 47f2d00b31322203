"""Sending again: under a ``client_id`` the same thing is said once, however often it is sent within a day."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from justchat.errors import AlreadyStored, ApiError, Unavailable
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock

RESENT_WITHIN = timedelta(days=1)
"""How long a client_id stands for what it first came with."""
TURNS = 10_000


async def send_once(
    author: Id,
    client_id: str | None,
    make_id: Callable[[Id, str, int], Id],
    clock: Clock,
    send: Callable[[Id], Awaitable[Entry]],
    sent: Callable[[Id, Id], Awaitable[Entry | None]],
) -> Entry:
    """The entry that ``send`` stores under the id it is given, or the first one of this client_id.

    ``sent`` finds an author's entry by its id. ``make_id`` derives the ids from the client_id, so that a unique index
    is all it takes; after a day the client_id has another turn. It has one, too, where the first entry is of more than
    a day from now: a clock was wrong, and the client_id is not to swallow what is sent until then.
    """
    if client_id is None:
        return await send(new_id())
    for turn in range(TURNS):
        id = make_id(author, client_id, turn)
        try:
            return await send(id)
        except Unavailable:
            # What is found now may be what the log is about to make void, since its caller was told 503.
            raise
        except (AlreadyStored, ApiError) as refusal:
            # One who may speak no more may still ask after what they had said.
            first = await sent(author, id)
            if first is None:
                raise
            if first.kind is not Kind.VOID and abs(clock() - first.created_at) < RESENT_WITHIN:
                return first
            if not isinstance(refusal, AlreadyStored):
                raise
    raise AlreadyStored
