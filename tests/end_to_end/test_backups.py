"""Backups while people talk and spend, and what a daemon has that starts on what was restored."""

from collections import Counter
from pathlib import Path
from typing import Any

from bson import decode_all

from justchat.runtime.backup_file import members_of
from tests.support.admin import Done, run
from tests.support.chat import Person
from tests.support.client import request
from tests.support.crashes import Call, CrashCase
from tests.support.daemon import Daemon
from tests.support.money import with_coins
from tests.support.mongo import drop, fresh_uri
from tests.support.picture_files import picture

GRIDFS = '[uploads]\nstore = "gridfs"\n'


class BackupCase(CrashCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.file = self.folder / "backup.tar.gz"

    async def upload(self) -> str:
        """The path of a picture that was just uploaded."""
        answer = await request(self.daemon.http, "POST", "/upload", picture("PNG"))
        self.assertEqual(201, answer.status, answer)
        return f"/{answer.json['url']}"

    async def assert_served(self, *paths: str) -> None:
        for path in paths:
            self.assertEqual(200, (await request(self.daemon.http, "HEAD", path)).status)

    async def back_up(self, *options: str) -> Any:
        return (
            await self.done("--json", *(options or ("--data-dir", str(self.daemon.data))), "backup", str(self.file))
        ).json

    async def done(self, *arguments: str) -> Done:
        done = await run(*arguments)
        self.assertEqual(0, done.code, done)
        return done

    async def move_to(self, *options: str, settings: str = "") -> None:
        """Restore the backup into a new data directory; ``self.daemon`` is one that runs on it."""
        daemon = Daemon(*options, settings=settings)
        await self.done("--data-dir", str(daemon.data), *options, "restore", str(self.file))
        self.daemon.remove()
        self.daemon = await daemon.start()

    def there(self, person: Person) -> Person:
        """The person, at the present daemon."""
        return Person(self.daemon, person.phone, person.key, person.session_key, person.id)


class Drill(BackupCase):
    async def test_drill(self) -> None:
        """What was acknowledged before a backup under load is restored elsewhere, and nothing contradicts itself."""
        await self.talk()
        gift = (await self.admin.call("/gifts")).data["gifts"][0]["_id"]
        givers = [await with_coins(person, 1000) for person in self.talkers[:2]]
        uploaded = await self.upload()

        def give(person: Person, number: int) -> Call:
            return "/gifts/send", {"gift": gift, "user": self.talkers[-1].id, "text": "for you"}

        giving = self.a_crowd(givers, give)
        await giving.reach(5)
        said, given = list(self.crowd.said), Counter(each.status for each in giving.outcomes)
        carried = await self.back_up()
        await self.crowd.reach(10)
        await self.daemon.kill()
        await self.crowd.end()
        await giving.end()

        self.check_consistent()
        await self.move_to()

        self.crowd.outcomes = said
        self.admin = self.there(self.admin)
        await self.check_kept()
        self.assertGreaterEqual(carried["documents"]["ledger"], given[200] + given[201])
        await self.assert_served(uploaded)
        answer = await self.admin.say(self.room, "it goes on")
        self.assertEqual(200, answer.status, answer)

    def check_consistent(self) -> None:
        """Of what the file has: no message without its author, no number left out, no coins without a ledger row."""
        content: dict[str, list[dict[str, Any]]] = {}
        for part in members_of(self.file):
            kind, *names = part.name.split("/")
            if kind == "database" and names[1].endswith(".bson"):
                content.setdefault(names[0], []).extend(decode_all(part.read()))
        users = {user["_id"]: user for user in content["users"]}
        streams: dict[Any, list[int]] = {}
        for entry in content["log"]:
            self.assertIn(entry["author"], users)
            streams.setdefault(entry["stream"], []).append(entry["seq"])
        for numbers in streams.values():
            self.assertEqual(list(range(1, len(numbers) + 1)), sorted(numbers))
        sums: Counter[Any] = Counter()
        for row in content["ledger"]:
            # One whose coins have not moved yet says so; the next start settles it.
            if "begun" not in row or row["_id"] in users[row["user"]].get("applied", ()):
                sums[row["user"]] += row["amount"]
        self.assertEqual({user: sums[user] for user in users}, {user: users[user]["balance"] for user in users})


class Moves(BackupCase):
    async def test_there_and_back(self) -> None:
        """An installation moves to a MongoDB of one's own by a backup, and back, with everything."""
        await self.talk()
        await self.crowd.end()
        uploaded = await self.upload()
        uri = fresh_uri()
        self.addCleanup(drop, uri)

        await self.back_up()
        await self.daemon.stop()
        await self.move_to("--mongo", uri)
        self.admin = self.there(self.admin)
        await self.check_kept()
        await self.assert_served(uploaded)
        later = await self.upload()
        await self.daemon.stop()
        self.file.unlink()
        await self.back_up("--mongo", uri, "--data-dir", str(self.daemon.data))
        await self.move_to(settings=GRIDFS)
        self.admin = self.there(self.admin)

        await self.check_kept()
        await self.assert_served(uploaded, later)
