"""The relay of webhooks: what is marked goes among the deliveries of the webhooks that want it, then the mark goes.

A crash in between does it again: a delivery's id is derived, so it is kept once. One relay runs at a time.
"""

from collections.abc import Mapping, Sequence

from attrs import define, field

from justchat.interfaces.webhooks import IDeliveries, IMarkedEvents
from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.model.webhook import WebhookEvent, WebhookType

MOST_KEPT = 1_000_000
"""Deliveries of one webhook that wait. What comes then is lost, and counted."""
MOST_DEAD = 100_000
"""Dead deliveries of one webhook that are kept; the oldest go."""
DROPPED_AT_ONCE = 1_000
FULL = 50
"""Events at once, after which there are likely more."""


@define(kw_only=True)
class Allowance:
    """How many more deliveries of a webhook may wait, and how many it lost; what was kept at the last count."""

    left: int = MOST_KEPT
    lost: int = 0
    waiting: int = 0
    dead: int = 0
    oldest: Moment | None = None


@define(kw_only=True, eq=False)
class WebhookRelay:
    """Relays events to webhooks. ``wanted`` are the types that each wants."""

    marked: IMarkedEvents
    deliveries: IDeliveries
    wanted: Mapping[Id, frozenset[WebhookType]]
    settled: int = 0
    """The deliveries up to this number are all kept, and their marks are gone."""
    allowances: dict[Id, Allowance] = field(factory=dict)

    async def begin(self) -> None:
        """Take over from another relay, or from a crash. Raises DatabaseAway."""
        self.settled = await self.deliveries.last()
        await self.count()

    async def count(self) -> None:
        """Count what is kept, and forget the oldest dead ones of too many. Raises DatabaseAway."""
        for webhook in self.wanted:
            pending, dead = await self.deliveries.kept(webhook)
            allowance = self.allowances.setdefault(webhook, Allowance())
            allowance.left = MOST_KEPT - pending
            allowance.waiting, allowance.dead = pending, dead
            allowance.oldest = await self.deliveries.oldest(webhook)
            if dead > MOST_DEAD:
                await self.deliveries.drop_dead(webhook, min(dead - MOST_DEAD, DROPPED_AT_ONCE))

    async def relay_some(self) -> bool:
        """Relay some of what is marked. Returns whether there is likely more. Raises DatabaseAway."""
        later = await self.marked.then()
        while first := await self.marked.first():
            await self._relay(first)
        if later:
            await self._relay(later)
        self.settled = self.deliveries.number()
        return len(later) >= FULL

    async def _relay(self, events: Sequence[WebhookEvent]) -> None:
        wanted = [(event, self._wanting(event)) for event in events]
        await self.deliveries.put([(event, webhooks) for event, webhooks in wanted if webhooks])
        await self.marked.unmark(events)

    def _wanting(self, event: WebhookEvent) -> list[Id]:
        """The webhooks that want an event, without those of which too much waits."""
        wanting = [webhook for webhook, types in self.wanted.items() if event.type in types]
        return [webhook for webhook in wanting if self._has_room(webhook)]

    def _has_room(self, webhook: Id) -> bool:
        allowance = self.allowances.setdefault(webhook, Allowance())
        if allowance.left <= 0:
            allowance.lost += 1
            return False
        allowance.left -= 1
        return True
