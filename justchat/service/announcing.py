"""The service that tells announcements, at a pace that leaves the others' calls alone."""

from contextlib import suppress
from typing import Any

from twisted.internet.task import deferLater
from twisted.logger import Logger

from justchat.actions.announcing import Announcing
from justchat.errors import ApiError
from justchat.model.announcement import Announcement
from justchat.service.leased import LeasedService
from justchat.store.lease import LASTS, Lease

LOOK_EVERY = 1.0
"""Seconds between looks for announcements, each a query of an index that is nearly always empty."""
STEPS_A_SECOND = 20
MOST_AT_ONCE = 25
"""People of one step, whose messages share an insert of the log. More of them would hold up the others' messages."""
RENEW_EVERY = LASTS.total_seconds() / 5
"""Seconds between two renewals of the lease."""


class AnnouncementService(LeasedService):
    """Tells everybody what is announced, ``per_second`` people a second at most.

    Of several daemons, the holder of ``lease`` does. When it dies, another goes on within the time that a lease lasts.
    """

    _log = Logger()

    def __init__(self, announcing: Announcing, per_second: int, lease: Lease | None, reactor: Any) -> None:
        super().__init__("announcements", LOOK_EVERY, self._look, lease, reactor)
        self._announcing = announcing
        self._at_once = min(max(1, per_second // STEPS_A_SECOND), MOST_AT_ONCE)
        self._step = self._at_once / per_second
        self._renewed: float | None = None

    async def _look(self) -> None:
        self._renewed = None
        with suppress(ApiError):  # the database is away, which others log; every step may be done again
            while self.running and (next := await self._announcing.announcements.next_running()) is not None:
                if not await self._holds_lease():
                    return
                await self._tell_some(next)

    async def _holds_lease(self) -> bool:
        at = self._reactor.seconds()
        if self._lease is None or (self._renewed is not None and at - self._renewed < RENEW_EVERY):
            return True
        self._renewed = at
        return await self._lease.acquire()

    async def _tell_some(self, announcement: Announcement) -> None:
        began = self._reactor.seconds()
        if not await self._announcing.tell_some(announcement, self._at_once):
            ended = await self._announcing.announcements.get(announcement.id)
            self._log.info(
                "the announcement {id} is {progress}: {told} people were told, {skipped} were not",
                id=ended.id,
                progress=ended.progress.value,
                told=ended.told,
                skipped=ended.skipped,
            )
            return
        took = self._reactor.seconds() - began
        # At least as long as the step took: half of the time is the others'.
        await deferLater(self._reactor, max(self._step - took, min(took, self._step)))
