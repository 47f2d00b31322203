"""The service that sends webhooks."""

from time import process_time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from justchat.config.settings import Settings
from justchat.errors import ApiError
from justchat.metrics.declarations import WEBHOOK_DELIVERIES
from justchat.model.moment import now
from justchat.model.webhook import WebhookStatus
from justchat.service.leased import LeasedService
from justchat.service.webhook_numbers import WebhookNumbers
from justchat.service.webhook_pace import TICK_EVERY, WebhookPace
from justchat.store.lease import Lease
from justchat.wiring.stores import Stores
from justchat.wiring.webhooks import make_webhook_relay, make_webhook_sendings, server_name

STEP_EVERY = 0.05
"""Seconds between two steps of the senders."""
LOOK_EVERY = 0.5
"""Seconds between looks for what other processes have marked; this one's own is relayed with the next step."""
RENEW_EVERY = 4.0
"""Seconds between two renewals of the lease."""
TRUSTED = 14.0
"""Seconds after a renewal in which this daemon sends: less than a lease lasts."""
NOTE_EVERY = 5.0
COUNT_EVERY = 30.0
SETTLED = 5.0
"""Seconds after an outage of the database in which nothing is relayed: messages may be in doubt, and become void."""
LAST_ANSWERS = 2.0
"""Seconds that a stop waits for the answers to what was sent. What has no answer then is sent again."""


class WebhookService(LeasedService):
    """Relays what is marked, and sends it. Of several daemons, the holder of ``lease`` does for all.

    Where the settings have no webhooks, it forgets those of an earlier start, once.
    """

    _log = Logger()

    def __init__(self, settings: Settings, stores: Stores, lease: Lease | None, reactor: Any) -> None:
        super().__init__("webhooks", STEP_EVERY if settings.webhooks else RENEW_EVERY, self._step, lease, reactor)
        self._stores = stores
        self._relay = make_webhook_relay(settings, stores)
        self._sendings = make_webhook_sendings(settings, stores, self._may_send, reactor)
        self._numbers = WebhookNumbers(self._sendings, now)
        self._is_holder = False
        self._renewed = self._tried = float("-inf")
        self._is_poked = True
        self._is_over = False
        self._resume_at = 0.0
        self._pace = WebhookPace(reactor.seconds, process_time, self._requests)
        self._ticks = LoopingCall(self._pace.tick)
        self._ticks.clock = reactor
        self._due = dict.fromkeys(("look", "note", "count"), 0.0)
        if self._sendings:
            stores.marks.on_mark = self._poke

    def _poke(self) -> None:
        self._is_poked = True
        self._pace.mark()

    def _requests(self) -> int:
        return sum(sending.sender.requests for sending in self._sendings)

    def _may_send(self) -> bool:
        is_trusted = self._is_holder and self._reactor.seconds() < self._renewed + TRUSTED
        return is_trusted and bool(self.running) and not self._pace.waits()

    def startService(self) -> None:
        super().startService()
        if self._sendings:
            self._ticks.start(TICK_EVERY, now=False)

    async def _step(self) -> None:
        if self._is_over:
            return
        try:
            if await self._holds():
                await self._relay_and_send()
        except ApiError as error:  # the database is away, which others log; every step may be done again
            self._log.debug("webhooks wait: {error}", error=error)
            self._resume_at = self._reactor.seconds() + SETTLED

    async def _holds(self) -> bool:
        """Whether this daemon is the one that sends."""
        now = self._reactor.seconds()
        if self._lease is None:
            self._renewed = now
        elif now >= self._tried + RENEW_EVERY:
            self._tried = now
            if await self._lease.acquire():
                self._renewed = now
            else:
                self._renewed = float("-inf")
        if now >= self._renewed + TRUSTED:
            self._lose()
        elif not self._is_holder:
            await self._begin()
            self._is_holder = not self._is_over
        return self._is_holder

    def _lose(self) -> None:
        if self._is_holder:
            self._is_holder = False
            for sending in self._sendings:
                sending.sender.forget()
            self._numbers.clear()

    async def _begin(self) -> None:
        deliveries = self._stores.deliveries
        if not self._sendings:
            if await deliveries.statuses():
                await self._stores.marked_events.unmark_all()
                await deliveries.keep_only([])
            self._is_over = True
            return
        await deliveries.keep_only([sending.webhook.id for sending in self._sendings])
        await self._relay.begin()
        for sending in self._sendings:
            sending.sender.forget()
        await self._note()

    async def _relay_and_send(self) -> None:
        if self._pace.waits():
            for sending in self._sendings:
                await sending.sender.save()
            return
        may_look = self._reactor.seconds() >= self._resume_at
        if may_look and (self._is_poked or self._is_due("look", LOOK_EVERY)):
            self._is_poked = False
            while await self._relay.relay_some() and await self._holds():
                await self._send()
                if self._pace.waits():
                    self._is_poked = True
                    return
        await self._send()
        if self._is_due("note", NOTE_EVERY):
            await self._note()
        if self._is_due("count", COUNT_EVERY):
            await self._relay.count()

    async def _send(self) -> None:
        for sending in self._sendings:
            await sending.sender.step(self._relay.settled)

    def _is_due(self, name: str, every: float) -> bool:
        now = self._reactor.seconds()
        if now < self._due[name]:
            return False
        self._due[name] = now + every
        return True

    async def _note(self) -> None:
        """Add to each webhook's status what has happened since the last time."""
        for sending in self._sendings:
            sender, allowance = sending.sender, self._relay.allowances.get(sending.webhook.id)
            delivered, lost = sender.delivered, 0 if allowance is None else allowance.lost
            await self._stores.deliveries.note(
                WebhookStatus(
                    id=sending.webhook.id,
                    server=server_name(sending.webhook),
                    events=tuple(type.value for type in sending.webhook.events),
                    pending=0,
                    oldest=None,
                    dead=0,
                    delivered=delivered,
                    lost=lost,
                    error=sender.error,
                    error_at=sender.error_at,
                )
            )
            sender.delivered -= delivered
            sender.error = None
            if allowance is not None and lost:
                allowance.lost -= lost
                WEBHOOK_DELIVERIES.count(sender.name, "lost", by=lost)
                self._log.error(
                    "the webhook {name} lost {lost} events: too many wait for it", name=sender.name, lost=lost
                )
        self._numbers.show(self._relay.allowances)

    def stopService(self) -> "Deferred[None]":
        if self._ticks.running:
            self._ticks.stop()
        return super().stopService()

    async def _before_release(self) -> None:
        try:
            if self._is_holder:
                await self._wait_for_answers()
                for sending in self._sendings:
                    await sending.sender.save()
                await self._note()
        finally:
            self._numbers.clear()
            for sending in self._sendings:
                await sending.poster.close()

    async def _wait_for_answers(self) -> None:
        until = self._reactor.seconds() + LAST_ANSWERS
        while self._reactor.seconds() < until and any(sending.sender.is_sending for sending in self._sendings):
            await deferLater(self._reactor, 0.02)
