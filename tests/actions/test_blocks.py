"""Blocks: nothing passes between two people of whom one has blocked the other."""

from typing import Any

from tests.support.chat import ChatTestCase, Person, a_room
from tests.support.client import Answer

NOBODY = "0" * 24


class BlockCase(ChatTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.boris = await self.a_person(), await self.a_person()

    async def block(self, who: Person, whom: Person) -> None:
        answer = await who.call("/user/block", user=whom.id)
        self.assertEqual((200, {}), (answer.status, answer.json))

    async def write(self, who: Person, to: Person, **more: Any) -> Answer:
        return await who.call("/user/sendMessage", message={"user": to.id, "text": "hello", **more})

    def assert_blocked(self, answer: Answer) -> None:
        self.assertEqual((403, "blocked"), (answer.status, answer.code))


class Messages(BlockCase):
    async def test_both_directions(self) -> None:
        """Neither can write to the other, and nothing is stored; third persons can."""
        carla = await self.a_person()
        await self.block(self.anna, self.boris)

        for who, to in ((self.anna, self.boris), (self.boris, self.anna)):
            self.assert_blocked(await self.write(who, to))

        for person in (self.anna, self.boris):
            self.assertEqual(200, (await self.write(carla, person)).status)
            self.assertEqual(1, len((await person.call("/user/dialogs")).data["dialogs"]))

    async def test_unblock(self) -> None:
        """After the end of a block they can, until the next; the other's own block is another one."""
        await self.block(self.anna, self.boris)
        await self.block(self.boris, self.anna)

        await self.anna.call("/user/unblock", user=self.boris.id)
        self.assert_blocked(await self.write(self.anna, self.boris))
        await self.boris.call("/user/unblock", user=self.anna.id)

        for who, to in ((self.anna, self.boris), (self.boris, self.anna)):
            self.assertEqual(200, (await self.write(who, to)).status)
        await self.block(self.boris, self.anna)
        for who, to in ((self.anna, self.boris), (self.boris, self.anna)):
            self.assert_blocked(await self.write(who, to))

    async def test_receipts(self) -> None:
        """A message that is read after a block is marked, and its author is not told, whoever blocks."""
        for blocker, blocked in ((self.anna, self.boris), (self.boris, self.anna)):
            sent = (await self.write(self.anna, self.boris)).data["message"][0]["_id"]
            await self.block(blocker, blocked)
            listener = await self.a_listener(self.anna)

            read = await self.boris.call("/user/messages/mark-as-read", message=sent)

            self.assertTrue(read.data["message"]["read"])
            self.assertEqual([], await listener.silence())
            await blocker.call("/user/unblock", user=blocked.id)

    async def test_sent_before(self) -> None:
        """A message that was sent before the block, and is sent again, gets its first answer."""
        first = await self.write(self.boris, self.anna, client_id="c")
        await self.block(self.anna, self.boris)

        again = await self.write(self.boris, self.anna, client_id="c")

        self.assertEqual((200, first.data), (again.status, again.data))
        self.assert_blocked(await self.write(self.boris, self.anna, client_id="d"))

    async def test_rooms(self) -> None:
        """Both may be in one room, and hear each other."""
        room = await a_room(self.anna, self.anna, self.boris)
        await self.block(self.anna, self.boris)
        listener = await self.a_listener(self.anna)

        await self.boris.say(room, "hello")

        self.assertEqual("hello", (await listener.next("message"))["data"]["text"])


class Gifts(BlockCase):
    async def test_gifts(self) -> None:
        """No gift passes in either direction, no coins move, and 403 comes before 402."""
        gift = (await self.anna.call("/gifts")).data["gifts"][0]["_id"]
        await self.anna.call("/user/free-coins", type="vk")
        before = (await self.anna.shown())["balance"]
        await self.block(self.anna, self.boris)

        for who, to in ((self.anna, self.boris), (self.boris, self.anna)):
            self.assert_blocked(await who.call("/gifts/send", gift=gift, user=to.id, text=""))

        self.assertEqual(before, (await self.anna.shown())["balance"])
        for person in (self.anna, self.boris):
            self.assertEqual(0, (await person.shown())["gifts_count"])


class Lists(BlockCase):
    async def test_list(self) -> None:
        """The list is latest first, in pages; ``ready`` has the ids; a block that is repeated keeps its time."""
        others = [await self.a_person() for _ in range(3)]
        for other in others:
            await self.block(self.anna, other)
        whole = (await self.anna.call("/user/blocks")).data["blocks"]
        await self.block(self.anna, others[0])
        page = (await self.anna.call("/user/blocks", skip=1, limit=1)).data["blocks"]
        socket = await self.a_socket()
        ready = await socket.bind(self.anna.session_key)

        ids = [other.id for other in reversed(others)]
        self.assertEqual(ids, [block["user"] for block in whole])
        self.assertEqual(whole[1:2], page)
        self.assertEqual(ids, ready["blocks"])
        self.assertEqual([], (await others[0].call("/user/blocks")).data["blocks"])

    async def test_refused(self) -> None:
        """Oneself is 400, nobody 404; to end a block that is none is no error."""
        self.assertEqual(400, (await self.anna.call("/user/block", user=self.anna.id)).status)
        for path in ("/user/block", "/user/unblock"):
            for user in (NOBODY, "x"):
                self.assertEqual("user-not-found", (await self.anna.call(path, user=user)).code)
        self.assertEqual(200, (await self.anna.call("/user/unblock", user=self.boris.id)).status)

    async def test_resume(self) -> None:
        """Who comes back over blocks gets what they missed, and learns nothing of the blocks."""
        socket = await self.a_socket()
        ready = await socket.bind(self.boris.session_key)
        await socket.leave()
        await self.block(self.anna, self.boris)
        await self.block(self.boris, self.anna)
        carla = await self.a_person()
        await self.write(carla, self.boris)

        back = await self.a_socket()
        back.say({"event": "init", "data": {"session_key": self.boris.session_key, "n": ready["n"]}})

        await back.next("ready")
        self.assertEqual("hello", (await back.next())["data"]["text"])
        self.assertTrue((await back.next("caught-up"))["data"]["recovered"])
