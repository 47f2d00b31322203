"""What a daemon with ``[retention]`` shows of what was said."""

from typing import Any

from tests.support.chat import a_room
from tests.support.crashes import CrashCase
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

SECONDS = 1 / 86_400
SETTINGS = f"[retention]\nmessages = {3 * SECONDS}\ndirect_messages = {3 * SECONDS}\n"


class Retention(CrashCase):
    def make_daemon(self) -> Daemon:
        return Daemon(settings=SETTINGS)

    async def test_gone(self) -> None:
        """Old messages go by themselves, people stay in their room, and what they say next is numbered as ever."""
        anna, boris = await self.people(2)
        room = await a_room(anna, anna, boris)
        for text in ("one", "two"):
            self.assertEqual(200, (await anna.say(room, text)).status)
            await anna.call("/user/sendMessage", message={"user": boris.id, "text": text})

        async def counts() -> tuple[int, int, int]:
            dialogs: list[Any] = (await boris.call("/user/dialogs")).data["dialogs"]
            unread = (await boris.call("/user/messages", countOnly=True)).data["count"]
            return len((await boris.call("/room/chat", room=room)).data["chat"]), len(dialogs), unread

        async def is_gone() -> bool:
            return await counts() == (0, 0, 0)

        await eventually(is_gone, "all to expire")
        answer = await boris.say(room, "three")
        self.assertEqual(200, answer.status)
        self.assertEqual(room, (await anna.shown())["room"])
