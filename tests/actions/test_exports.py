"""Exports: an archive has every row of its user that calls answer, and nobody else's secrets."""

import io
import json
import zipfile
from typing import Any

import treq
from PIL import Image
from twisted.internet import reactor
from twisted.web.client import Agent

from tests.support.chat import ChatTestCase, Person, a_room
from tests.support.client import request
from tests.support.daemon import Daemon
from tests.support.money import with_coins
from tests.support.waiting import at_once, eventually

FILES = {
    "profile.json",
    "rooms.json",
    "messages.jsonl",
    "direct-messages.jsonl",
    "gifts.json",
    "ledger.jsonl",
    "complaints.json",
    "sessions.json",
    "blocks.json",
}


async def fetch(daemon: Daemon, url: str) -> bytes:
    """The content of a file that the daemon serves."""
    response = await treq.get(f"http://127.0.0.1:{daemon.http}/{url}", agent=Agent(reactor))
    assert response.code == 200, response.code
    content: bytes = await treq.content(response)
    return content


class Exports(ChatTestCase):
    async def a_picture(self, person: Person) -> tuple[str, bytes]:
        """The URL and content of a picture that a person has uploaded."""
        picture = io.BytesIO()
        Image.new("RGB", (5, 5), "red").save(picture, "PNG")
        headers = {"Authorization": f"Bearer {person.session_key}"}
        answer = await request(self.daemon.http, "POST", "/upload", picture.getvalue(), headers)
        url: str = answer.json["url"]
        return url, await fetch(self.daemon, url)

    async def finished(self, person: Person, export: str) -> dict[str, Any]:
        async def is_ready() -> bool:
            self.last = (await person.call("/user/export", export=export)).data["export"]
            return bool(self.last["status"] == "ready")

        await eventually(is_ready, "the export")
        return self.last

    async def export(self, person: Person) -> zipfile.ZipFile:
        asked = await person.call("/user/export")
        self.assertEqual((202, "pending"), (asked.status, asked.data["export"]["status"]))
        export = await self.finished(person, asked.data["export"]["_id"])
        archive = zipfile.ZipFile(io.BytesIO(await fetch(self.daemon, export["url"])))
        self.assertIsNone(archive.testzip())
        return archive

    def lines(self, archive: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in archive.read(name).splitlines()]

    async def test_content(self) -> None:
        """Each file has what calls answer."""
        anna, boris = await self.a_person(nickname="anna"), await self.a_person(nickname="boris-secretly")
        room, other = await a_room(anna, anna, boris), await a_room(boris, name="other")
        said = [(await anna.say(room, f"line {n}")).data["message"] for n in range(3)]
        said.append((await anna.say(room, "an answer", ref_message=said[0]["_id"])).data["message"])
        await boris.say(room, "boris's own words")
        await anna.call("/room/remove-message", message=said[1]["_id"])
        await anna.enter(other)
        said.append((await anna.say(other, "elsewhere")).data["message"])
        for who, to in ((anna, boris), (boris, anna), (anna, boris)):
            await who.call("/user/sendMessage", message={"user": to.id, "text": "a direct word"})
        await with_coins(boris, 1000)
        await with_coins(anna, 1000)
        gift = (await anna.call("/gifts")).data["gifts"][0]["_id"]
        await boris.call("/gifts/send", gift=gift, user=anna.id, text="for anna")
        await anna.call("/gifts/send", gift=gift, user=boris.id, text="for boris")
        await anna.call("/complaints/new", message=said[4]["_id"], text="a complaint")
        await anna.call("/user/block", user=boris.id)
        url, picture = await self.a_picture(anna)

        archive = await self.export(anna)

        self.assertEqual({*FILES, url}, set(archive.namelist()))
        self.assertEqual(picture, archive.read(url))
        self.assertEqual(await anna.shown(), {**json.loads(archive.read("profile.json")), "room": other})
        (own,) = json.loads(archive.read("rooms.json"))
        entered = (await anna.enter(room)).data["room"]
        for name in ("_id", "name", "admin", "is_private", "create_at"):
            self.assertEqual(entered[name], own[name])
        chat = (await anna.call("/room/chat", room=room, limit=500)).data["chat"]
        rows = self.lines(archive, "messages.jsonl")
        here = [row for row in rows if row["room"] == room]
        ids = {row["_id"] for row in here}
        self.assertEqual([row for row in chat if row["_id"] in ids], sorted(here, key=lambda row: row["seq"]))
        self.assertLessEqual({message["_id"] for message in said}, {row["_id"] for row in rows})
        self.assertEqual({anna.id}, {row["author"] for row in rows})
        dialog = (await anna.call("/user/dialog", user=boris.id)).data["dialog"]
        self.assertCountEqual(dialog, self.lines(archive, "direct-messages.jsonl"))
        gifts = (await anna.call("/user/gifts", user=anna.id)).data["gifts"]
        self.assertEqual(gifts, json.loads(archive.read("gifts.json")))
        self.assertEqual({"payment", "gift"}, {row["reason"] for row in self.lines(archive, "ledger.jsonl")})
        self.assertEqual(["a complaint"], [row["text"] for row in json.loads(archive.read("complaints.json"))])
        sessions = (await anna.call("/init/sessions")).data["sessions"]
        self.assertEqual(
            [session["_id"] for session in sessions], [row["_id"] for row in json.loads(archive.read("sessions.json"))]
        )
        self.assertEqual((await anna.call("/user/blocks")).data["blocks"], json.loads(archive.read("blocks.json")))
        everything = b"".join(archive.read(name) for name in FILES)
        for secret in (boris.phone, "boris-secretly", "boris's own words", anna.session_key, anna.key):
            self.assertNotIn(secret.encode(), everything)
        self.assertNotIn(b"token", everything)

    async def test_many(self) -> None:
        """A file has the rows of every page."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        for start in range(0, 450, 50):
            await at_once(anna.say(room, f"{start + n}") for n in range(50))

        archive = await self.export(anna)

        rows = self.lines(archive, "messages.jsonl")
        self.assertCountEqual(range(450), [int(row["text"]) for row in rows if row["type"] is None])

    async def test_one_at_a_time(self) -> None:
        """While an export is pending, asking again is about the same one; afterwards about another."""
        anna = await self.a_person()

        asked = [(await anna.call("/user/export")).data["export"]["_id"] for _ in range(2)]
        await self.finished(anna, asked[0])
        another = (await anna.call("/user/export")).data["export"]["_id"]
        await self.finished(anna, another)

        self.assertEqual(asked[0], asked[1])
        self.assertNotEqual(asked[0], another)

    async def test_not_found(self) -> None:
        """Another's export, no export and an unknown URL are 404."""
        anna, boris = await self.a_person(), await self.a_person()
        export = (await anna.call("/user/export")).data["export"]["_id"]
        url = (await self.finished(anna, export))["url"]

        for id in (export, "0" * 24):
            answer = await boris.call("/user/export", export=id)
            self.assertEqual((404, "export-not-found"), (answer.status, answer.code))
        guesses = [url.replace(".zip", ""), f"exports/{'A' * 32}.zip", "exports/..", url + ".part"]
        for guess in guesses:
            self.assertEqual(404, (await request(self.daemon.http, "GET", f"/{guess}")).status)

    async def test_head(self) -> None:
        """HEAD answers the size, and nothing is kept by caches."""
        anna = await self.a_person()
        url = (await self.finished(anna, (await anna.call("/user/export")).data["export"]["_id"]))["url"]

        content = await fetch(self.daemon, url)
        head = await request(self.daemon.http, "HEAD", f"/{url}")

        self.assertEqual(200, head.status)
        self.assertEqual([str(len(content))], head.headers.getRawHeaders("content-length"))
        self.assertEqual(["private, no-store"], head.headers.getRawHeaders("cache-control"))
