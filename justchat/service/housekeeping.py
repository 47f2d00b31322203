"""Completes work that a crash interrupted."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from justchat.actions.removals import MessageRemovals
from justchat.actions.server_rooms import ServerRooms
from justchat.errors import ApiError, DatabaseAway
from justchat.hub.absentee_notices import AbsenteeNotices
from justchat.model.moment import Moment
from justchat.service.leased import LeasedService
from justchat.service.lifecycle import PeriodicService
from justchat.store.lease import Lease, SignOfLife
from justchat.wiring.actions import Actions
from justchat.wiring.stores import Stores

HOUSEKEEPING_EVERY = 10.0
"""Seconds between rounds."""

ASKED_EVERY = 1.0
"""Seconds between looks for messages that operators want removed."""


class Housekeeping(LeasedService):
    """Completes moves and transfers that a crash left half done: all of them at the start, the older ones in rounds.

    Of several daemons, the holder of ``lease`` reconciles the log for those whose ``sign`` of life has ended. Both are
    None where nobody shares the database with a daemon.
    ``is_joined``: a bus joins this daemon to all others on its database.
    ``alone``: at the start nobody else writes to the database, so what is unfinished is nobody's present work.
    """

    _log = Logger()

    def __init__(
        self,
        stores: Stores,
        actions: Actions,
        notices: AbsenteeNotices,
        *,
        lease: Lease | None,
        sign: SignOfLife | None,
        is_joined: bool,
        alone: bool,
        reactor: Any,
    ) -> None:
        super().__init__("housekeeping", HOUSEKEEPING_EVERY, self._keep, lease, reactor)
        self._stores = stores
        self._actions = actions
        self._notices = notices
        self._sign = sign
        self._alone = alone
        self._looks_for_others = sign is not None and not is_joined
        self._others: Mapping[str, Moment] = {}
        """The signs of others at the last look."""

    def startService(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self._recover())

    async def _recover(self) -> None:
        await self._finish(all=self._alone)
        await self._actions.removals.finish()
        super().startService()

    async def _keep(self) -> None:
        try:
            if self._sign is not None:
                await self._sign.give()
                await self._look_for_others(self._sign)
            await self._finish(all=False)
            if self._lease is None or await self._lease.acquire():
                await self._reconcile_for_the_dead()
        except DatabaseAway:  # which the database's client logs
            pass
        except ApiError as error:  # too much is waiting
            self._log.warn("housekeeping is put off to the next round: {error}", error=error)

    async def _look_for_others(self, sign: SignOfLife) -> None:
        """Warn, once, where another daemon uses the database and no bus joins both."""
        if not self._looks_for_others:
            return
        before, self._others = self._others, await sign.others()
        # A sign is of a daemon that runs, not of one that died, once it was given again.
        if any(name in before and until > before[name] for name, until in self._others.items()):
            self._looks_for_others = False
            self._log.warn(
                "[bus] uri: another daemon runs on this database, and no bus joins both, so what happens at one is not"
                " seen at the other at once; give all of them the same [bus] uri, or stop one"
            )

    async def _reconcile_for_the_dead(self) -> None:
        dead = await self._sign.dead() if self._sign is not None else []
        if self._sign is not None and dead:
            self._log.warn("daemons that died: {number}; what they left undone is completed", number=len(dead))
            await reconcile(self._stores, self._notices)
            await self._sign.forget(dead)

    async def _finish(self, *, all: bool) -> None:
        """Complete moves and transfers; ``all``: also those so young that another daemon could be at work on them."""
        await self._actions.rooms.finish_moves(all=all)
        await self._actions.transfers.finish_interrupted(all=all)


class OperatorRemovals(PeriodicService):
    """Removes the messages and rooms that operators want removed, whichever daemon finds them first."""

    def __init__(self, removals: MessageRemovals, rooms: ServerRooms, reactor: Any) -> None:
        super().__init__("removals for operators", ASKED_EVERY, self._remove, reactor)
        self._removals = removals
        self._rooms = rooms

    async def _remove(self) -> None:
        for remove in (self._removals.remove_asked, self._rooms.remove_asked):
            with suppress(ApiError):  # the database is away, which others log; the next round finds the same
                await remove()


async def reconcile(stores: Stores, notices: AbsenteeNotices) -> None:
    """Write what follows from the latest entries of the log, and a crash may have kept from being written.

    That is the snapshots of rooms, the notices to users who are out of their room, and the dialogs.
    """
    await notices.catch_up(stores.rooms, await stores.rooms.reconcile())
    await stores.mailboxes.reconcile()


class Reconciliation(Service):
    """Reconciles the log with what follows from it, once, beside the first requests."""

    name = "reconciliation"
    _log = Logger()

    def __init__(self, stores: Stores, notices: AbsenteeNotices) -> None:
        self._stores = stores
        self._notices = notices
        self._work: Deferred[None] | None = None

    def startService(self) -> None:
        """Begin; nothing waits for the end."""
        super().startService()
        if self._stores.packets is not None:
            # A daemon that died between storing an entry and publishing it is often the one that starts here.
            self._stores.packets.publish_sweep()
        self._work = Deferred.fromCoroutine(self._reconcile())

    async def _reconcile(self) -> None:
        try:
            await reconcile(self._stores, self._notices)
        except ApiError as error:
            self._log.warn("reconciliation with the log is put off to the next start: {error}", error=error)
        except Exception:
            self._log.failure("reconciliation with the log failed")

    def stopService(self) -> "Deferred[None] | None":
        """The Deferred fires when the work has ended."""
        super().stopService()
        return self._work
