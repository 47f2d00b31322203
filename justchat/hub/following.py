"""Following: on the bus, a daemon follows the streams of its local users and of the rooms that these are in.

Each stream is followed as long as a connection here receives it. The bus itself lets a stream linger for a while, since
most clients that leave reconnect at once.
"""

from contextlib import suppress

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from justchat.errors import ApiError
from justchat.hub.local_rooms import LocalRooms
from justchat.hub.registry import Registry
from justchat.interfaces.bus import IBus
from justchat.interfaces.rooms import IRooms
from justchat.model.ids import Id


class Following:
    """Follows and unfollows as connections come and go, and as their users move."""

    _log = Logger()

    def __init__(self, bus: IBus, registry: Registry, local_rooms: LocalRooms, rooms: IRooms) -> None:
        self._bus = bus
        self._by_user = registry.by_user
        self._local_rooms = local_rooms
        self._rooms = rooms
        self._users: set[Id] = set()
        registry.subscribe_change(self._on_change)
        local_rooms.subscribe(self._follow_room, self._bus.unfollow)

    async def confirmed(self, stream: Id) -> None:
        """Wait until the bus has confirmed a stream that is followed. Does not wait while its node is away."""
        following = self._bus.follow(stream)
        try:
            await following
        finally:
            self._bus.unfollow(stream)

    def _on_change(self, user: Id) -> None:
        if user not in self._by_user:
            if user in self._users:
                self._users.remove(user)
                self._bus.unfollow(user)
        elif user not in self._users:
            self._users.add(user)
            self._bus.follow(user)

    def _follow_room(self, room: Id) -> None:
        Deferred.fromCoroutine(self._follow_and_read(room)).addErrback(
            lambda failure: self._log.failure("a room could not be read after it was followed", failure)
        )

    async def _follow_and_read(self, room: Id) -> None:
        """Follow a room, then read what was appended before the bus confirmed that."""
        if await self._bus.follow(room) and self._local_rooms.has_any(room):
            with suppress(ApiError):  # the room is gone; or the database is away, and the log is read when it is back
                await self._rooms.position(room)
