"""``justchat-admin online``: who is connected."""

from typing import Any

from tests.support.admin import AdminCase
from tests.support.waiting import eventually


class Online(AdminCase):
    async def test_online(self) -> None:
        """Within seconds, whoever has a socket is counted and named, once for each; and no longer once it is closed."""
        anna = await self.a_person(nickname="Anna")
        first, second = await self.a_listener(anna), await self.a_listener(anna, "/ws")

        async def told() -> Any:
            answer = await self.answer("online")
            return answer if anna.id in [user["_id"] for user in answer["some"]] and answer["sockets"] >= 2 else None

        answer = await eventually(told, "the daemon to say it")

        self.assertEqual(answer["sockets"], sum(each["sockets"] for each in answer["processes"]))
        self.assertIn({"_id": anna.id, "phone": anna.phone, "nickname": "Anna"}, answer["some"])
        text = (await self.admin("online")).output
        self.assertRegex(text, r"\A\d+ users are connected, by \d+ sockets\.\n\nHOST +PROCESS +SINCE +SOCKETS +USERS\n")
        self.assertRegex(text, rf"(?m)^{anna.id}  {anna.phone} +Anna$")
        for socket in (first, second):
            await socket.leave()

        async def left() -> bool:
            return anna.id not in [user["_id"] for user in (await self.answer("online"))["some"]]

        await eventually(left, "the daemon to say that she left")
