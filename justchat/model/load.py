"""The load of the daemons over time: a point for each minute."""

from attrs import field, frozen

from justchat.model.ids import Id, new_id
from justchat.model.moment import Moment, from_milliseconds, milliseconds

MINUTE = 60_000
"""Milliseconds."""
MINUTES_OF_SLOT = 10
"""Minutes of a point of the last day."""


@frozen(kw_only=True)
class LoadPoint:
    """What happened within a span of time that begins at ``at``.

    ``sockets`` were open at its end, on average over longer spans. ``entries`` of the log were committed: messages, and
    what else happens in rooms and mailboxes. ``errors`` calls were answered with 5xx. ``batches`` counts the batches of
    the log by how long they took, in the buckets of their metric.
    """

    at: Moment
    sockets: float
    entries: int
    errors: int
    batches: tuple[int, ...]
    id: Id = field(factory=new_id, eq=False)
    """Under this it is added once to the load of all, however often that is tried."""


def minute_of(at: Moment) -> int:
    """The number of a moment's minute since the epoch."""
    return milliseconds(at) // MINUTE


def begin_of(minute: int) -> Moment:
    """When a minute begins."""
    return from_milliseconds(minute * MINUTE)
