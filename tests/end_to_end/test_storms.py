"""Storms: everybody comes back at once, on a small scale."""

import time
from typing import Any

from twisted.internet.defer import ensureDeferred, gatherResults

from tests.support.chat import ChatTestCase, a_room
from tests.support.client import Listener

MANY = 300
PATIENCE = 8.0


class Storms(ChatTestCase):
    async def test_coming_back(self) -> None:
        """All who come back at once hear what they missed, soon and without an error."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        first = await self.a_socket()
        stand = await first.bind(anna.session_key)
        for number in range(5):
            await anna.say(room, f"{number}")
        have = {"n": stand["n"], "room": room, "seq": stand["seq"]}
        waits: list[float] = []

        async def come_back() -> list[dict[str, Any]]:
            began = time.monotonic()
            socket: Listener = await self.a_socket()
            socket.say({"event": "init", "data": {"session_key": anna.session_key, **have}})
            caught_up = await socket.next("caught-up")
            waits.append(time.monotonic() - began)
            assert caught_up["data"]["recovered"]
            return socket.events

        heard = await gatherResults([ensureDeferred(come_back()) for _ in range(MANY)], consumeErrors=True)

        self.assertEqual({7}, {len(events) for events in heard})
        self.assertLess(max(waits), PATIENCE)
