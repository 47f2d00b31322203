"""The timer that deletes accounts."""

from typing import Any

from twisted.internet.task import deferLater

from justchat.actions.deletion import AccountDeletion, Stopping
from justchat.errors import ApiError
from justchat.service.lifecycle import PeriodicService
from justchat.store.lease import Lease

LOOK_EVERY = 1.0
"""Seconds between looks for deletions that are due."""
PAUSE = 0.05
"""Seconds between two steps of a deletion, so that the calls of others hardly wait."""


class AccountDeletions(PeriodicService):
    """Deletes the accounts whose deletion is due. Of several daemons, the holder of ``lease`` erases what they left."""

    def __init__(self, deletion: AccountDeletion, lease: Lease | None, reactor: Any) -> None:
        super().__init__("deletions of accounts", LOOK_EVERY, self._look, reactor)
        self._deletion = deletion
        self._lease = lease

    async def _look(self) -> None:
        try:
            await self._deletion.finish_parting()
            due = await self._deletion.begin_due()
            if due and (self._lease is None or await self._lease.acquire()):
                for user in due:
                    await self._deletion.erase(user, self._pause)
        except (ApiError, Stopping):  # the database is away, which others log; every step may be done again
            return

    async def _pause(self) -> None:
        if not self.running:
            raise Stopping
        await deferLater(self._reactor, PAUSE)
