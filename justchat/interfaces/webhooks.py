"""What the relay and the senders of webhooks ask of the database and of the network."""

from collections.abc import Sequence

from zope.interface import Interface

from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.model.webhook import Delivery, PostFailure, WebhookEvent, WebhookStatus


class IMarkedEvents(Interface):
    """What is stored and marked, since webhooks are to be told of it. Every method raises DatabaseAway.

    ``first`` and ``then`` return some of the marked events, those of one stream in their order; none if there are none.
    What ``first`` returns comes before what ``then`` has returned earlier: a room before its messages.
    """

    async def first() -> list[WebhookEvent]:
        """New users and rooms."""

    async def then() -> list[WebhookEvent]:
        """Everything else."""

    async def unmark(events: Sequence[WebhookEvent]) -> None:
        """They are kept elsewhere."""


class IDeliveries(Interface):
    """The deliveries, in the order of ``n``. Every method raises DatabaseAway."""

    async def last() -> int:
        """Number the next deliveries above all that are kept, and return the last number."""

    def number() -> int:
        """A number above all that are kept."""

    async def put(events: Sequence[tuple[WebhookEvent, Sequence[Id]]]) -> None:
        """Keep a delivery of each event for each of its webhooks, unless it is kept already."""

    async def after(webhook: Id, n: int, upto: int, limit: int) -> list[Delivery]:
        """The first after ``n`` that are to be sent."""

    async def of_stream(webhook: Id, stream: Id, upto: int, limit: int) -> list[Delivery]:
        """The first of a stream that are to be sent."""

    async def delivered(ids: Sequence[Id]) -> None:
        """They have arrived: forget them."""

    async def failed(delivery: Delivery, tries: int) -> None:
        """It was tried so many times in vain."""

    async def bury(webhook: Id, before: Moment, stream: Id | None) -> int:
        """Those that have been tried since before this moment are dead: of a stream, or all of the webhook's. Returns
        how many.
        """

    async def kept(webhook: Id) -> tuple[int, int]:
        """How many are to be sent, and how many are dead, both counted up to a bound."""

    async def oldest(webhook: Id) -> Moment | None:
        """Since when the first waits that is to be sent; None where none does."""

    async def drop_dead(webhook: Id, number: int) -> None:
        """Forget so many dead ones, the oldest."""

    async def keep_only(webhooks: Sequence[Id]) -> None:
        """Forget the deliveries and the status of all others."""

    async def note(status: WebhookStatus) -> None:
        """Add ``delivered`` and ``lost`` to the status of a webhook, and set the error if there is one."""

    async def statuses() -> list[WebhookStatus]:
        """Every webhook that the daemon has, as it stands."""

    async def replay(webhook: Id) -> int:
        """Put the dead ones back, behind all others. Returns how many."""


class IWebhookPoster(Interface):
    """Sends requests to one webhook."""

    async def post(id: Id, body: bytes) -> PostFailure | None:
        """Send once; None where it has arrived."""
