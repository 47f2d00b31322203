"""A daemon that dies between a call's effect and storing its answer: sent again, it is done once."""

import hashlib
from io import BytesIO
from typing import Any

from PIL import Image

from tests.support.chat import Person, a_room, keyed
from tests.support.client import Answer, request
from tests.support.wire import OwnDatabaseCase

COINS = 1000


class Crashes(OwnDatabaseCase):
    async def setUp(self) -> None:
        await super().setUp()
        await self.daemon.start()

    def forget_answers(self) -> None:
        """Leave what a crash before storing them leaves: abandoned claims and no answers."""
        answers = self.database["answers"]
        self.assertTrue(answers.update_many({}, {"$unset": {"status": 1, "answer": 1, "busy": 1}}).modified_count)

    async def twice(self, person: Person, path: str, **body: Any) -> tuple[Answer, Answer]:
        first = await keyed(person, "k", path, **body)
        self.forget_answers()
        return first, await keyed(person, "k", path, **body)

    async def rich(self) -> Person:
        person = await self.a_person()
        await person.call("/user/updateBalance", balance=COINS, secret=self.signature(COINS))
        return person

    def signature(self, coins: int) -> str:
        secret = (self.daemon.data / "payments-secret-key").read_text()
        return hashlib.md5(f"{secret}{coins}".encode()).hexdigest()

    async def test_room(self) -> None:
        """One room is opened."""
        anna = await self.a_person()

        first, again = await self.twice(anna, "/room/create", room={"name": "once", "password": "x"})

        self.assertEqual((201, first.json), (again.status, again.json))
        self.assertEqual(1, len((await anna.shown())["rooms"]))

    async def test_message(self) -> None:
        """One message is said."""
        anna = await self.a_person()
        room = await a_room(anna, anna)

        first, again = await self.twice(anna, "/room/sendMessage", message={"room_id": room, "text": "once"})

        self.assertEqual((200, first.json), (again.status, again.json))

    async def test_gift(self) -> None:
        """One gift is given, and paid for."""
        anna, boris = await self.rich(), await self.a_person()
        gift = (await anna.call("/gifts")).data["gifts"][0]

        first, again = await self.twice(anna, "/gifts/send", gift=gift["_id"], user=boris.id, text="once")

        self.assertEqual((200, 200), (first.status, again.status))
        self.assertEqual(COINS - gift["price"], (await anna.shown())["balance"])
        self.assertEqual(1, len((await boris.shown())["gifts"]))

    async def test_top_up(self) -> None:
        """Coins are added once, though the payment has no number."""
        anna = await self.a_person()

        await self.twice(anna, "/user/updateBalance", balance=7, secret=self.signature(7))

        self.assertEqual(7, (await anna.shown())["balance"])

    async def test_free_coins(self) -> None:
        """They are added once, and sending again is no error."""
        anna = await self.a_person()

        first, again = await self.twice(anna, "/user/free-coins", type="vk")

        self.assertEqual((200, 200), (first.status, again.status))
        self.assertEqual(10, (await anna.shown())["balance"])

    async def test_complaint(self) -> None:
        """One complaint is made."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        message = (await anna.say(room, "hello")).data["message"]["_id"]

        first, again = await self.twice(anna, "/complaints/new", message=message, text="once")

        self.assertEqual((200, first.json), (again.status, again.json))
        self.assertEqual(1, self.database["complaints"].count_documents({}))

    async def test_upload(self) -> None:
        """One picture is kept."""
        anna = await self.a_person()
        picture = BytesIO()
        Image.new("RGB", (3, 3)).save(picture, "PNG")
        headers = {"Authorization": f"Bearer {anna.session_key}", "Idempotency-Key": "k"}

        there = self.pictures()

        first = await request(self.daemon.http, "POST", "/upload", picture.getvalue(), headers)
        self.forget_answers()
        again = await request(self.daemon.http, "POST", "/upload", picture.getvalue(), headers)

        self.assertEqual((201, first.json), (again.status, again.json))
        self.assertEqual({first.json["url"]}, self.pictures() - there)

    def pictures(self) -> set[str]:
        return {f"uploads/{file['filename']}" for file in self.database["fs.files"].find()}
