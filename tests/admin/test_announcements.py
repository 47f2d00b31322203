"""``justchat-admin announce`` and ``announcements``: tell everybody something."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from bson import ObjectId
from pymongo import MongoClient

from tests.support.admin import AdminCase, run
from tests.support.chat import Person, a_person
from tests.support.daemon import Daemon
from tests.support.waiting import at_once, eventually


class Announcing(AdminCase):
    async def announced(self, id: str) -> dict[str, Any]:
        """The announcement, once it has ended."""

        async def ended() -> dict[str, Any] | None:
            found: list[dict[str, Any]] = (await self.answer("announcements", "list"))["announcements"]
            return next((each for each in found if each["_id"] == id and each["status"] != "running"), None)

        return await eventually(ended, "the end of the announcement")

    async def test_announce(self) -> None:
        """Everybody gets a direct message, on sockets and in their dialogs; the author keeps no copies; and the audit
        log says who did it.
        """
        anna, boris, news = [await self.a_person() for _ in range(3)]
        await boris.call("/user/block", user=news.id)
        listener, own = await self.a_listener(anna), await self.a_listener(news)

        done = await self.answer("announce", "We have moved.", "--from", news.phone)

        announcement = done["announcement"]
        self.assertEqual((news.id, "We have moved."), (announcement["author"], announcement["text"]))
        data = (await listener.next("direct-message"))["data"]
        self.assertEqual((news.id, anna.id, "We have moved."), (data["author"], data["user"], data["text"]))
        ended = await self.announced(announcement["_id"])
        self.assertEqual("done", ended["status"])
        # Those of other tests whose deletion was requested are counted, and not told.
        self.assertLessEqual(ended["told"] + ended["skipped"] + 1, ended["people"])
        self.assertGreaterEqual(ended["told"], 1)
        self.assertGreaterEqual(ended["skipped"], 1)
        (dialog,) = (await anna.call("/user/dialogs")).data["dialogs"]
        self.assertEqual((news.id, data["_id"], 1), (dialog["user"], dialog["last_message"]["_id"], dialog["unread"]))
        self.assertEqual([], (await boris.call("/user/dialogs")).data["dialogs"])
        self.assertEqual([], (await news.call("/user/dialogs")).data["dialogs"])
        self.assertEqual([], await own.silence())
        (line,) = (await self.answer("audit", "list", "--whom", announcement["_id"]))["audit"]
        self.assertEqual("announce", line["deed"])

    async def test_refused(self) -> None:
        """An unknown author and an unknown announcement are refused."""
        self.assert_refused(await self.admin("announce", "x", "--from", "0" * 24))
        self.assert_refused(await self.admin("announcements", "stop", "0" * 24))

    async def test_own_author(self) -> None:
        """Without --from the author is a user of our own, the same one each time, whom everybody can look up."""
        anna = await self.a_person()

        announcements = [(await self.answer("announce", text))["announcement"] for text in ("one", "two")]

        for announcement in announcements:
            await self.announced(announcement["_id"])
        (dialog,) = (await anna.call("/user/dialogs")).data["dialogs"]
        self.assertEqual(("two", 2), (dialog["last_message"]["text"], dialog["unread"]))
        self.assertEqual({dialog["user"]}, {each["author"] for each in announcements})
        author = (await anna.call("/init/getUser", user_id=dialog["user"])).data["user"]
        self.assertEqual("Announcements", author["nickname"])


class Crashes(AdminCase):
    async def setUp(self) -> None:
        self.daemon = await Daemon(settings="announced_per_second = 5\n").start()
        self._logged, self._listeners = len(self.daemon.log), []

    async def tearDown(self) -> None:
        await super().tearDown()
        await self.daemon.stop()
        self.daemon.remove()

    async def test_kill(self) -> None:
        """kill -9 in the middle: the daemon goes on when it is started again, and each person has it once."""
        news, *people = await at_once([a_person(self.daemon) for _ in range(11)])
        await self.told(people[0])
        await run("--data-dir", str(self.daemon.data), "announce", "hello", "--from", news.id)

        async def some_are_told() -> bool:
            return any([await self.told(person) for person in people])

        await eventually(some_are_told, "the first who are told")
        await self.daemon.kill()
        await self.daemon.start()

        async def all_are_told() -> bool:
            return all([await self.told(person) for person in people])

        await eventually(all_are_told, "everybody to be told")
        self.assertEqual([["hello"]] * 10, [await self.told(person) for person in people])

    async def test_stop(self) -> None:
        """An announcement waits for the one before; one that is stopped tells nobody else."""
        news = await a_person(self.daemon)
        self.crowd(1000)
        ids = [(await self.answer("announce", text, "--from", news.id))["announcement"]["_id"] for text in ("1", "2")]

        stopped = [(await self.answer("announcements", "stop", id))["announcement"] for id in ids[::-1]]
        again = await self.admin("announcements", "stop", ids[0])

        self.assertEqual(["stopped", "stopped"], [each["status"] for each in stopped])
        self.assertEqual(0, stopped[0]["told"])
        self.assert_refused(again, "does not run any more")
        listed = (await self.answer("announcements", "list"))["announcements"]
        self.assertEqual(ids[::-1], [each["_id"] for each in listed])

    def crowd(self, number: int) -> None:
        """So many people who have signed up, as far as an announcement knows."""
        socket = quote(str(self.daemon.data / "mongo" / "mongod.sock"), safe="")
        with MongoClient[dict[str, Any]](f"mongodb://{socket}") as mongo:
            at = datetime.now(UTC)
            people = [{"_id": ObjectId(), "phone": f"{n}", "create_at": at} for n in range(number)]
            mongo.get_default_database("justchat")["users"].insert_many(people)

    async def told(self, person: Person) -> list[str]:
        return [message["text"] for message in (await person.call("/user/messages")).data["messages"]]
