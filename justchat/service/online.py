"""Says who is connected, for ``justchat-admin online`` and the console."""

import os
import socket
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred

from justchat import __version__
from justchat.errors import ApiError
from justchat.hub.registry import Registry
from justchat.interfaces.online import IOnline
from justchat.model.ids import Id
from justchat.model.moment import now
from justchat.model.online import SOME_USERS, Online
from justchat.service.lifecycle import PeriodicService

LOOKS_EVERY = 2.0
"""Seconds between two looks whether anything has changed."""
SAYS_EVERY = 10.0
"""Seconds after which the same is said again."""


class OnlineService(PeriodicService):
    """Writes down who is connected to this process: soon after a change, and again every SAYS_EVERY seconds.

    ``count_open`` counts the open sockets by protocol, ``parts`` tells the states of parts.
    """

    def __init__(
        self,
        registry: Registry,
        online: IOnline,
        count_open: Callable[[], Mapping[str, int]],
        parts: Callable[[], Mapping[str, str]],
        reactor: Any,
    ) -> None:
        super().__init__("who is connected", LOOKS_EVERY, self._say, reactor)
        self._registry = registry
        self._online = online
        self._count_open = count_open
        self._parts = parts
        self._started_at = now()
        self._has_changed = True
        self._said_at = 0.0
        self._is_said = False
        registry.subscribe_change(self._on_change)

    def _on_change(self, user: Id) -> None:
        self._has_changed = True

    async def _say(self) -> None:
        if not self._has_changed and self._reactor.seconds() - self._said_at < SAYS_EVERY:
            return
        self._has_changed = self._is_said = False
        by_user = self._registry.by_user
        try:
            await self._online.say(
                Online(
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    started_at=self._started_at,
                    sockets=self._registry.count_all(),
                    users=len(by_user),
                    some=tuple(islice(by_user, SOME_USERS)),
                    open=self._count_open(),
                    parts=self._parts(),
                    version=__version__,
                )
            )
        except ApiError:  # the database is away, which others log; the next round says it
            self._has_changed = True
        else:
            self._said_at = self._reactor.seconds()
            self._is_said = True

    def stopService(self) -> "Deferred[None]":
        """The Deferred fires when the last round has ended, and what was said is withdrawn."""
        return Deferred.fromCoroutine(self._end(super().stopService()))

    async def _end(self, last_round: "Deferred[Any] | None") -> None:
        if last_round is not None:  # else it never started, and the database may not be open
            await last_round
            if self._is_said:  # else the database is away, and what was said ends by itself
                await self._online.end()
