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

    async def test_direct(self) -> None:
        """A direct message goes on both sides, and both are told; those who come back are told so, too."""
        anna, boris = [await self.a_person() for _ in range(2)]
        first, rude = [
            (await anna.call("/user/sendMessage", message={"user": boris.id, "text": text})).data["message"][0]
            for text in ("kind", "rude")
        ]
        await boris.call("/user/messages/mark-as-read", message=rude["_id"])
        listeners = [await self.a_listener(who) for who in (anna, boris)]

        await self.answer("messages", "remove", rude["_id"], "--reason", "against the rules")

        for who, listener in zip((anna, boris), listeners, strict=True):
            data = (await listener.next("message-removed"))["data"]
            self.assertEqual((rude["_id"], None, None), (data["message"], data["room"], data["author"]))
            self.assertIsInstance(data["n"], int)
            (dialog,) = (await who.call("/user/dialogs")).data["dialogs"]
            self.assertEqual(first["_id"], dialog["last_message"]["_id"])
            other = boris if who is anna else anna
            shown = (await who.call("/user/dialog", user=other.id)).data["dialog"]
            self.assertEqual([first["_id"]], [message["_id"] for message in shown])
        back = await self.a_socket()
        back.say({"event": "init", "data": {"session_key": boris.session_key, "n": 1}})
        data = (await back.next("direct-message"))["data"]
        self.assertEqual((rude["_id"], None), (data["_id"], data["text"]))
        self.assertIn("removed_at", data)
        again = await self.answer("messages", "remove", rude["_id"], "--reason", "again")
        self.assertEqual({"removing": rude["_id"]}, again)

    async def test_refused(self) -> None:
        """An unknown id, and a command without a reason, are refused, and are no deeds."""
        self.assert_refused(await self.admin("messages", "remove", "0" * 24, "--reason", "x"))
        self.assertEqual(2, (await self.admin("messages", "remove", "0" * 24)).code)
