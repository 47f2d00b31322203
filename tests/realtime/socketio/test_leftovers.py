"""A client that has gone leaves no reference cycle: garbage collections are rare."""

import gc
import weakref

from tests.support.socketio.in_process import InsideCase
from tests.support.waiting import eventually


class Leftovers(InsideCase):
    async def test_nothing_left(self) -> None:
        """Raw sockets and sessions of Socket.IO, by WebSocket and by polling, are freed as soon as they are gone."""
        await self.bind_of_each_kind(3)
        left = [weakref.ref(each) for each in (*self.raw.sockets, *self.engines.all())]
        self.assertEqual(9, len(left))
        self.addCleanup(gc.enable)
        gc.disable()

        await self.leave()

        await eventually(lambda: not any(each() for each in left), "every one to be freed")
