"""Webhooks: an app's own server is told of what happens, by requests (contract section 8, Standard Webhooks 1.0.0)."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from attrs import frozen

from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.model.record import record


class WebhookType(StrEnum):
    """What a webhook may be told of. The values are the wire's."""

    MESSAGE_NEW = "message.new"
    MESSAGE_EDITED = "message.edited"
    """Nothing makes it yet."""
    MESSAGE_REMOVED = "message.removed"
    DIRECT_NEW = "direct.new"
    USER_NEW = "user.new"
    USER_DELETED = "user.deleted"
    ROOM_NEW = "room.new"
    ROOM_REMOVED = "room.removed"
    COMPLAINT_NEW = "complaint.new"
    GIFT_SENT = "gift.sent"
    BALANCE_CHANGED = "balance.changed"


TYPE_OF_KIND = {
    Kind.MESSAGE: WebhookType.MESSAGE_NEW,
    Kind.RELEASE: WebhookType.MESSAGE_NEW,
    Kind.MESSAGE_REMOVED: WebhookType.MESSAGE_REMOVED,
    Kind.DIRECT_REMOVED: WebhookType.MESSAGE_REMOVED,
    Kind.DIRECT_MESSAGE: WebhookType.DIRECT_NEW,
    Kind.DIRECT_RELEASE: WebhookType.DIRECT_NEW,
    Kind.GIFT: WebhookType.GIFT_SENT,
    Kind.REMOVE_ROOM: WebhookType.ROOM_REMOVED,
}
"""The entries of the log that webhooks are told of."""

RETRIED_FOR = timedelta(days=3)
"""After this a delivery that fails is dead."""
LONGEST_PAUSE = 600.0
"""Seconds between two tries of one delivery."""


def is_told(entry: Entry) -> bool:
    """Whether webhooks are told of an entry of one of these kinds.

    Of a held message they are told when it is let go, and of a removed direct message once, though there is an entry in
    two streams. An announcement to everybody is no conversation.
    """
    if entry.kind is Kind.DIRECT_REMOVED:
        return entry.stream == entry.user
    return entry.held is None and not entry.is_announcement


def pause_after(tries: int) -> float:
    """Seconds until the next try, after so many that failed: 1, 2, 4 …, at most LONGEST_PAUSE."""
    return min(2.0 ** min(tries - 1, 20), LONGEST_PAUSE)


@frozen(kw_only=True)
class WebhookEvent:
    """Something that webhooks are told of. ``source`` is the id of what is stored of it, ``stream`` the room or user
    in whose order it stands, ``data`` its document as clients see it.
    """

    type: WebhookType
    source: Id
    stream: Id
    at: Moment
    data: Mapping[str, object]


@record(kw_only=True)
class Delivery:
    """One event on its way to one webhook. ``id`` is the ``webhook-id``, the same at every try. ``n`` is the position
    among all deliveries. ``at`` is since when it is tried.
    """

    id: Id
    webhook: Id
    stream: Id
    n: int
    type: WebhookType
    body: bytes
    at: Moment
    tries: int = 0


@frozen(kw_only=True)
class PostFailure:
    """Why a request has not arrived, without a secret. ``is_down``: the receiver would hardly take another one, either;
    else it refuses this one.
    """

    reason: str
    is_down: bool


@frozen(kw_only=True)
class WebhookStatus:
    """A webhook as an operator sees it: how much waits and since when, how much is dead, what went wrong last.

    ``lost`` counts the events that were not kept, since too many waited.
    """

    id: Id
    server: str
    events: tuple[str, ...]
    pending: int
    oldest: Moment | None
    dead: int
    delivered: int
    lost: int
    error: str | None
    error_at: Moment | None
