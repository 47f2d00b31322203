"""Sending: the deliveries of one webhook, in the order of each stream, many streams at a time.

Invariant: of the deliveries up to ``_cursor`` that have not arrived, each is in memory (``_lanes``), or its stream is
among the ``_failing``, which are read again when their pause is over. A stream has one request at a time. So a stream
that fails holds back no other, and memory holds WINDOW deliveries and MOST_FAILING streams at most.

When several streams fail in a row, and none succeeds in between, the receiver is *down*: one request at a time asks
whether it is up again, after growing pauses.
"""

from collections import deque
from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger

from justchat.errors import DatabaseAway
from justchat.interfaces.webhooks import IDeliveries, IWebhookPoster
from justchat.metrics.declarations import WEBHOOK_DELIVERIES
from justchat.model.ids import Id
from justchat.model.moment import Clock, Moment
from justchat.model.webhook import RETRIED_FOR, Delivery, PostFailure, pause_after

AT_ONCE = 16
"""Requests to one webhook at a time."""
WINDOW = 400
"""Deliveries of one webhook in memory."""
REFILLED = 50
"""Deliveries of a failing stream that are read at a time."""
REFILLS = 16
"""Failing streams that one step reads."""
MOST_FAILING = 1_000
DOWN_AFTER = 5
"""Streams that fail in a row, after which the receiver is down."""
LONGEST_DOWN = 120.0
"""Seconds between two requests that ask whether it is up again."""
MOST_UNSAVED = 1_000
"""Deliveries that have arrived and are still in the database; with more, nothing is sent."""
READ_ANEW = 30.0
"""Seconds after which a sender reads from the start, if no stream fails, for what came with a low number."""
FRESH = 10.0
"""Seconds that deliveries are in memory. Then they are read again, since their words may have been removed."""


@define(kw_only=True, eq=False)
class WebhookSender:
    """Sends the deliveries of one webhook. ``may_send`` says whether this daemon is the one that does."""

    webhook: Id
    name: str
    deliveries: IDeliveries
    poster: IWebhookPoster
    clock: Clock
    seconds: Callable[[], float]
    may_send: Callable[[], bool]
    delivered: int = 0
    requests: int = 0
    """That have ended."""
    failures: int = 0
    error: str | None = None
    """Why the last try failed."""
    error_at: Moment | None = None
    _cursor: int = 0
    _lanes: dict[Id, deque[Delivery]] = field(factory=dict)
    _read_since: dict[Id, float] = field(factory=dict)
    """At which second the first of each lane was read."""
    _ready: deque[Id] = field(factory=deque)
    """Streams in memory that have no request."""
    _busy: set[Id] = field(factory=set)
    _failing: dict[Id, float] = field(factory=dict)
    """Until which second each stream pauses."""
    _arrived: dict[Id, None] = field(factory=dict)
    _failed_in_a_row: set[Id] = field(factory=set)
    _down: int = 0
    """How often in a row the receiver was found down."""
    _down_until: float = 0.0
    _read_at: float = 0.0
    _logger = Logger()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in memory."""
        return not (self._lanes or self._busy or self._failing)

    @property
    def is_sending(self) -> bool:
        """Whether a request has no answer yet."""
        return bool(self._busy)

    def in_memory(self) -> int:
        """Deliveries in memory."""
        return sum(map(len, self._lanes.values()))

    async def step(self, settled: int) -> None:
        """Read what is to be sent, of the deliveries up to ``settled``, and begin to send it. Raises DatabaseAway."""
        await self.save()
        if self.seconds() < self._down_until or not self.may_send():
            return
        self._send()
        await self._refill()
        if not self._failing and self.seconds() > self._read_at + READ_ANEW:
            self._cursor, self._read_at = 0, self.seconds()
        queued = self.in_memory()
        if queued < WINDOW // 2 and len(self._failing) < MOST_FAILING:
            await self._read_on(settled, WINDOW - queued)
        self._send()

    async def save(self) -> None:
        """Make durable what has arrived. Raises DatabaseAway."""
        if arrived := list(self._arrived):
            await self.deliveries.delivered(arrived)
            for id in arrived:
                del self._arrived[id]

    def forget(self) -> None:
        """Another daemon sends from now on."""
        for memory in (self._lanes, self._read_since, self._ready, self._failing, self._failed_in_a_row):
            memory.clear()
        self._cursor = self._down = 0
        self._down_until = 0.0

    async def _read_on(self, settled: int, number: int) -> None:
        before = self._cursor
        found = await self.deliveries.after(self.webhook, before, settled, number)
        if self._cursor != before:  # the receiver was found down meanwhile
            return
        known = {delivery.id for lane in self._lanes.values() for delivery in lane}
        for delivery in found:
            self._cursor = delivery.n
            if delivery.stream in self._failing or delivery.id in self._arrived or delivery.id in known:
                continue
            lane = self._lanes.get(delivery.stream)
            if lane is not None:
                lane.append(delivery)
            elif delivery.stream in self._busy:
                self._failing[delivery.stream] = self.seconds()  # its request is from before
            else:
                self._add_lane(delivery.stream, deque([delivery]))

    def _add_lane(self, stream: Id, lane: deque[Delivery]) -> None:
        self._lanes[stream] = lane
        self._read_since[stream] = self.seconds()
        self._ready.append(stream)

    def _drop_lane(self, stream: Id) -> None:
        del self._lanes[stream], self._read_since[stream]

    async def _refill(self) -> None:
        """Read the streams whose pause is over. Those with nothing left are as all others again."""
        now = self.seconds()
        over = [stream for stream, until in self._failing.items() if until <= now]
        due = [stream for stream in over if stream not in self._lanes and stream not in self._busy]
        for stream in due[: 1 if self._down else REFILLS]:
            found = await self.deliveries.of_stream(self.webhook, stream, self._cursor, REFILLED)
            lane = deque(delivery for delivery in found if delivery.id not in self._arrived)
            if lane:
                self._add_lane(stream, lane)
            else:
                del self._failing[stream]

    def _send(self) -> None:
        most = 1 if self._down else AT_ONCE
        # The receiver may refuse some streams alone: each time another one asks whether it is up.
        self._ready.rotate(-self._down)
        while (
            self._ready
            and len(self._busy) < most
            and len(self._arrived) < MOST_UNSAVED
            and self.seconds() >= self._down_until
            and self.may_send()
        ):
            stream = self._ready.popleft()
            if self.seconds() > self._read_since[stream] + FRESH:
                self._drop_lane(stream)
                self._failing[stream] = self.seconds()
                continue
            self._busy.add(stream)
            ensureDeferred(self._send_next(stream, self._lanes[stream])).addErrback(
                lambda failure: self._logger.failure("a webhook was not sent", failure)
            )

    async def _send_next(self, stream: Id, lane: deque[Delivery]) -> None:
        delivery = lane[0]
        try:
            failure = await self.poster.post(delivery.id, delivery.body)
        except Exception:
            self._logger.failure("a webhook was not sent")
            failure = PostFailure(reason="an internal error", is_down=False)
        finally:
            self._busy.discard(stream)
            self.requests += 1
        if failure is None:
            self._on_success(stream, lane, delivery)
        else:
            await self._on_failure(stream, lane, delivery, failure)
        self._send()

    def _on_success(self, stream: Id, lane: deque[Delivery], delivery: Delivery) -> None:
        self._arrived[delivery.id] = None
        self.delivered += 1
        WEBHOOK_DELIVERIES.count(self.name, "delivered")
        self._on_answer()
        if self._lanes.get(stream) is not lane:  # it was dropped meanwhile
            if stream in self._failing:
                self._failing[stream] = self.seconds()
            return
        lane.popleft()
        if lane:
            self._ready.append(stream)
            return
        self._drop_lane(stream)
        if stream in self._failing:
            self._failing[stream] = self.seconds()  # there may be more

    def _on_answer(self) -> None:
        """The receiver is up."""
        self._failed_in_a_row.clear()
        if self._down:
            self._logger.info("the webhook {name} answers again", name=self.name)
            self._down = 0
            self._failing = dict.fromkeys(self._failing, self.seconds())

    async def _on_failure(self, stream: Id, lane: deque[Delivery], delivery: Delivery, failure: PostFailure) -> None:
        tries = delivery.tries + 1
        self.failures += 1
        WEBHOOK_DELIVERIES.count(self.name, "failed")
        self.error, self.error_at = failure.reason, self.clock()
        if self._lanes.get(stream) is lane:
            self._drop_lane(stream)
        self._failing[stream] = self.seconds() + pause_after(tries)
        if not failure.is_down:
            self._on_answer()
        elif self.seconds() >= self._down_until:  # else it had been sent before the receiver was found down
            self._failed_in_a_row.add(stream)
            if self._down or len(self._failed_in_a_row) >= DOWN_AFTER:
                self._go_down(failure.reason)
        try:
            await self.deliveries.failed(delivery, tries)
            if self.clock() - delivery.at >= RETRIED_FOR:
                await self._bury(stream)
        except DatabaseAway:  # the try is not counted
            return

    async def _bury(self, stream: Id) -> None:
        """What is too old is dead: of this stream, or of all where the receiver is down."""
        self._logger.error(
            "deliveries to the webhook {name} are dead after three days: {error}", name=self.name, error=self.error
        )
        dead = await self.deliveries.bury(self.webhook, self.clock() - RETRIED_FOR, None if self._down else stream)
        WEBHOOK_DELIVERIES.count(self.name, "dead", by=dead)
        if stream in self._failing:
            self._failing[stream] = self.seconds()

    def _go_down(self, error: str) -> None:
        if not self._down:
            self._logger.warn("the webhook {name} is down: {error}", name=self.name, error=error)
        self._down += 1
        self._down_until = self.seconds() + min(pause_after(self._down), LONGEST_DOWN)
        self._failed_in_a_row.clear()
        # What is in memory is read again then.
        for stream, lane in self._lanes.items():
            if stream in self._failing:
                continue
            if stream in self._busy:
                self._failing[stream] = self.seconds()
            else:
                self._cursor = min(self._cursor, lane[0].n - 1)
        self._lanes.clear()
        self._read_since.clear()
        self._ready.clear()
