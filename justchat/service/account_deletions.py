"""The timer that begins deletions of accounts, and ends the sessions of those who asked for one."""

from contextlib import suppress
from typing import Any

from justchat.actions.deletion import AccountDeletion
from justchat.errors import ApiError
from justchat.service.lifecycle import PeriodicService

LOOK_EVERY = 1.0
"""Seconds between looks for deletions that are due."""


class DeletionRequests(PeriodicService):
    """Begins the deletions that are due, whichever daemon finds them first. To erase what is left takes long."""

    def __init__(self, deletion: AccountDeletion, reactor: Any) -> None:
        super().__init__("requested deletions", LOOK_EVERY, self._look, reactor)
        self._deletion = deletion

    async def _look(self) -> None:
        with suppress(ApiError):  # the database is away, which others log; every step may be done again
            await self._deletion.finish_parting()
            await self._deletion.begin_due()
