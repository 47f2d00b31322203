"""Bytes of uploads are bounded by day, and what nothing refers to goes; what something refers to stays."""

from tests.support.chat import Person, a_room
from tests.support.client import Answer, request
from tests.support.picture_files import quarters, saved
from tests.support.waiting import eventually
from tests.support.wire import OwnDaemonCase

PICTURE = saved(quarters("RGB"), "PNG")


class QuotaCase(OwnDaemonCase):
    async def upload(self, person: Person | None = None, headers: dict[str, str] | None = None) -> Answer:
        signed_in = {"Authorization": f"Bearer {person.session_key}"} if person else {}
        return await request(self.daemon.http, "POST", "/upload", PICTURE, {**signed_in, **(headers or {})})


class Quotas(QuotaCase):
    async def test_user(self) -> None:
        """A user who has used up the day's bytes is 429 until the next day; others are not."""
        await self.start(f"[limits]\nexempt = []\nupload_bytes_per_user = {3 * len(PICTURE)}\n")
        anna, boris = await self.a_person(), await self.a_person()

        answers = [await self.upload(anna) for _ in range(20)]

        self.assertEqual((201, 429), (answers[0].status, answers[-1].status))
        self.assertEqual("too-many-requests", answers[-1].code)
        self.assertIn("upload-bytes-per-user", answers[-1].json["detail"])
        self.assertEqual(201, (await self.upload(boris)).status)
        self.assertEqual(201, (await self.upload()).status)

    async def test_address(self) -> None:
        """So is an address; what was refused as no picture counts nothing."""
        await self.start(
            f"[limits]\nexempt = []\nupload_bytes_per_address = {4 * len(PICTURE)}\n"
            "[http]\nproxies = ['127.0.0.1/32']\n"
        )
        here, there = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "192.0.2.2"}
        for _ in range(10):
            broken = await request(self.daemon.http, "POST", "/upload", PICTURE[:-40], here)
            self.assertEqual(415, broken.status)

        answers = [await self.upload(None, here) for _ in range(20)]

        self.assertEqual((201, 429), (answers[0].status, answers[-1].status))
        self.assertEqual(201, (await self.upload(None, there)).status)


class Orphans(QuotaCase):
    async def test_removed(self) -> None:
        """A profile, messages and a complaint keep the pictures that they refer to; another one goes."""
        await self.start("[uploads]\norphan_lifetime = 5\n[payments]\nfree_coins = 1000\n")
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna)
        await anna.enter(room)
        # Each is referred to at once: on a busy machine five seconds pass soon.
        photo = await self.picture(anna)
        await anna.call("/init/edit", user={"photo": f"http://chat.example/{photo}"})
        first, second = await self.picture(anna), await self.picture(anna)
        said = await anna.say(room, f"look: {first}, and {second}!")
        direct = await self.picture(anna)
        await anna.call("/user/sendMessage", message={"user": boris.id, "text": direct})
        proof = await self.picture(anna)
        await anna.call("/complaints/new", message=said.data["message"]["_id"], text=proof)
        orphan = await self.picture(anna)

        async def is_gone() -> bool:
            return await self.status(orphan) == 404

        await eventually(is_gone, "the orphan to be removed", 40)

        kept = (photo, first, second, direct, proof)
        self.assertEqual([200] * 5, [await self.status(url) for url in kept])

    async def status(self, url: str) -> int:
        return (await request(self.daemon.http, "HEAD", f"/{url}")).status

    async def picture(self, person: Person) -> str:
        """The URL of a new picture of theirs."""
        url: str = (await self.upload(person)).json["url"]
        return url
