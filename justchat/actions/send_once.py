"""Sending once: a message with a ``client_id`` is stored once, however often the client sends it within a day."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from justchat.errors import AlreadyStored, ApiError, Unavailable
from justchat.interfaces.client_ids import IClientIds
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock

RETRIED_WITHIN = timedelta(days=1)
"""How long a client_id names the first message sent with it."""
MOST_USES = 10_000
"""How often a client_id can be used anew."""


def send_once(
    stream: Id,
    author: Id,
    client_id: str | None,
    client_ids: IClientIds,
    clock: Clock,
    send: Callable[[Id], Awaitable[Entry]],
    *,
    look_first: bool = False,
) -> Awaitable[Entry]:
    """Store a message, or return the one that this client_id stored first.

    ``client_ids`` derives the entry's id, so a unique index is all that exactly-once needs. ``send`` stores the entry
    under an id. With ``look_first`` it is not called for what is stored, because it does more than that.

    A client_id can be used anew after a day. It can also be used anew where its first entry is more than a day in the
    future: a clock was wrong, and the client_id must not block messages until then.
    """
    if client_id is None:
        return send(new_id())
    return _send_once(stream, author, client_id, client_ids, clock, send, look_first)


async def _send_once(
    stream: Id,
    author: Id,
    client_id: str,
    client_ids: IClientIds,
    clock: Clock,
    send: Callable[[Id], Awaitable[Entry]],
    look_first: bool,
) -> Entry:
    for use in range(MOST_USES):
        message = stream, author, client_id, use
        try:
            await client_ids.check_unused(*message)
            if look_first and await client_ids.find(*message) is not None:
                raise AlreadyStored
            return await send(client_ids.message_id(*message))
        except Unavailable:
            # An entry found now may be one that the log is about to void, since its caller was answered 503.
            raise
        except (AlreadyStored, ApiError) as refusal:
            # A retry gets its first answer even if the author may not speak any more.
            first = await client_ids.find(*message)
            if first is None:
                raise
            is_recent = abs(clock() - first.created_at) < RETRIED_WITHIN
            if first.kind is not Kind.VOID and is_recent and await client_ids.confirm(first):
                return first
            if not isinstance(refusal, AlreadyStored):
                raise
    raise AlreadyStored
