"""``justchat-admin messages``: remove a message."""

from tests.support.admin import AdminCase
from tests.support.chat import a_room


class Removing(AdminCase):
    async def test_remove(self) -> None:
        """The room is told within seconds, without a name; the audit log says who did it, and why."""
        anna, boris = [await self.a_person() for _ in range(2)]
        room = await a_room(anna, anna, boris)
        message = (await boris.say(room, "rude")).data["message"]
        listener = await self.a_listener(anna)

        done = await self.answer("messages", "remove", message["_id"], "--reason", "against the rules")

        self.assertEqual({"removing": message["_id"]}, done)
        data = (await listener.next("message-removed"))["data"]
        self.assertEqual((message["_id"], None), (data["message"], data["author"]))
        (shown,) = (await anna.call("/room/chat", room=room, skip=-1)).data["chat"]
        self.assertEqual((message["_id"], None), (shown["_id"], shown["text"]))
        (line,) = (await self.answer("audit", "list", "--whom", message["_id"]))["audit"]
        self.assertEqual(("remove message", "against the rules"), (line["deed"], line["why"]))

    async def test_refused(self) -> None:
        """An unknown id, and a command without a reason, are refused, and are no deeds."""
        self.assert_refused(await self.admin("messages", "remove", "0" * 24, "--reason", "x"))
        self.assertEqual(2, (await self.admin("messages", "remove", "0" * 24)).code)
