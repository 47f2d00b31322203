"""Paging backwards as docs/protocol.rst describes, while messages arrive: nothing is left out."""

from typing import Any

from tests.support.chat import ChatTestCase, a_room
from tests.support.waiting import at_once


class PagingBack(ChatTestCase):
    async def test_room(self) -> None:
        """In a room: first from the end, then from the start."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        await at_once(anna.say(room, f"{number}") for number in range(330))
        shown: dict[int, Any] = {}

        async def show(skip: int) -> None:
            chat = (await anna.call("/room/chat", room=room, skip=skip, limit=100)).data["chat"]
            shown.update({message["seq"]: message for message in chat})
            await at_once(anna.say(room, "meanwhile") for _ in range(7))

        skip = -100
        while skip:
            await show(skip)
            skip = max(0, min(shown) - 101)
        await show(0)

        self.assertEqual(list(range(1, 332)), sorted(shown))

    async def test_dialog(self) -> None:
        """In a dialog: by the number of messages shown, ignoring repeated ones and not counting removed ones."""
        anna, boris = await self.a_person(), await self.a_person()

        async def write(text: str) -> str:
            message = {"user": anna.id, "text": text}
            sent: str = (await boris.call("/user/sendMessage", message=message)).data["message"][0]["_id"]
            return sent

        written = set(await at_once(write(f"{number}") for number in range(45)))
        shown: dict[str, None] = {}
        removed = 0
        page: list[Any] = [None] * 10
        while len(page) == 10:
            page = (await anna.call("/user/dialog", user=boris.id, skip=len(shown) - removed, limit=10)).data["dialog"]
            shown.update(dict.fromkeys(message["_id"] for message in page))
            await write("meanwhile")
            for message in page[:1]:
                self.assertEqual(200, (await anna.call("/user/messages/remove", message=message["_id"])).status)
                removed += 1

        self.assertEqual(set(), written - set(shown))
