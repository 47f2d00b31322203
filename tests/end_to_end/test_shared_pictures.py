"""A picture that is uploaded at one daemon is served by all, from GridFS and from S3."""

import json
import secrets
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import treq
from PIL import Image
from pymongo import MongoClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.threads import deferToThread
from twisted.web.client import Agent, ResponseFailed

from tests.support.admin import run
from tests.support.chat import a_person
from tests.support.client import Answer, request
from tests.support.daemon import Daemon, shared_daemon
from tests.support.gateway import FakeGateway, with_status
from tests.support.mongo import RunningMongod, empty_uri
from tests.support.picture_files import picture
from tests.support.s3 import shared_s3
from tests.support.starting import StartCase
from tests.support.waiting import at_once, eventually

EXEMPT = '[limits]\nexempt = ["127.0.0.0/8"]\n'


def toml(table: dict[str, Any]) -> str:
    """The table ``[uploads.s3]`` of a settings file."""
    return "[uploads.s3]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


class SharedCase(StartCase):
    async def setUp(self) -> None:
        super().setUp()
        self.uri = empty_uri()
        self.mongo = MongoClient[dict[str, Any]](self.uri)
        self.addCleanup(self.mongo.close)
        self.database = self.mongo.get_default_database()

    def one(self, config: str = "", name: str | None = None) -> Daemon:
        """A daemon on the shared database, with a data directory of its own."""
        folder = self.folder / (name or f"daemon{next(self.numbers)}")
        folder.mkdir(exist_ok=True)
        return self.a_daemon("--mongo", self.uri, "--config", self.a_config(EXEMPT + config), folder=folder)

    async def two(self, config: str = "") -> tuple[Daemon, Daemon]:
        first, second = self.one(config), self.one(config)
        await at_once(each.start() for each in (first, second))
        return first, second

    async def fetch(self, daemon: Daemon, url: str, **headers: str) -> tuple[int, bytes, str]:
        """Status, content and ETag of a picture."""
        response = await treq.get(f"http://127.0.0.1:{daemon.http}/{url}", headers=headers, agent=Agent(reactor))
        content = await treq.content(response)
        return response.code, content, (response.headers.getRawHeaders("etag") or [""])[0]

    async def upload(self, daemon: Daemon, body: bytes | None = None) -> Answer:
        return await request(daemon.http, "POST", "/upload", body or picture("PNG"))

    async def assert_shared(self, first: Daemon, second: Daemon) -> str:
        """An upload at one is served by both, the same, parts of it too, and no other name is. Returns its URL."""
        uploaded = await self.upload(first)
        self.assertEqual(201, uploaded.status, uploaded.json)
        url: str = uploaded.json["url"]

        here, there = await self.fetch(first, url), await self.fetch(second, url)

        self.assertEqual((200, here), (here[0], there))
        self.assertEqual(b"\x89PNG", there[1][:4])
        self.assertEqual((206, b"PNG"), (await self.fetch(second, url, Range="bytes=1-3"))[:2])
        self.assertEqual(304, (await self.fetch(second, url, **{"If-None-Match": here[2]}))[0])
        for other in (f"uploads/{secrets.token_hex(16)}.png", url.replace(".png", ".gif")):
            self.assertEqual(404, (await self.fetch(second, other))[0])
        return url

    async def assert_exports(self, first: Daemon, second: Daemon) -> None:
        """An archive that is asked for at one is served by both, the same, and has an uploaded picture."""
        anna = await a_person(first)
        headers = {"Authorization": f"Bearer {anna.session_key}"}
        url = (await request(first.http, "POST", "/upload", picture("PNG"), headers)).json["url"]
        export = (await anna.call("/user/export")).data["export"]["_id"]
        found: dict[str, Any] = {}

        async def ready() -> bool:
            found.update((await anna.call("/user/export", export=export)).data["export"])
            return bool(found["status"] == "ready")

        await eventually(ready, "the export")
        here, there = [(await self.fetch(daemon, found["url"]))[:2] for daemon in (first, second)]
        self.assertEqual((200, here), (here[0], there))
        with ZipFile(BytesIO(there[1])) as archive:
            self.assertEqual((await self.fetch(second, url))[1], archive.read(url))

    async def assert_gifts(self, *daemons: Daemon) -> None:
        """The pictures of all gifts are served by all."""
        anna = await a_person(daemons[0])
        urls = [gift["image"] for gift in (await anna.call("/gifts")).data["gifts"]]
        self.assertGreater(len(urls), 3)
        for daemon in daemons:
            found = await at_once(self.fetch(daemon, url) for url in urls)
            self.assertEqual([200] * len(urls), [status for status, _, _ in found])


class InGridFs(SharedCase):
    async def test_default(self) -> None:
        """With a shared database it is the default: uploads, pictures of gifts, and those that operators add."""
        first, second = await self.two()

        url = await self.assert_shared(first, second)
        await self.assert_exports(first, second)
        await self.assert_gifts(first, second)
        file = self.folder / "gift.png"
        file.write_bytes(picture("PNG"))
        arguments = ("--json", "--mongo", self.uri, "--data-dir", str(self.folder / "nowhere"), "gifts")
        row = {"name": "a gift", "price": 950, "image": "gift.png"}
        (self.folder / "gifts.json").write_text(json.dumps([row]))
        loads = [
            (await run(*arguments, "load", str(self.folder / "gifts.json"))).json["gifts"][0]["image"] for _ in range(2)
        ]
        await self.assert_gifts(first, second)

        self.assertEqual(loads[0], loads[1])
        self.assertEqual(2, self.database["fs.files"].count_documents({"_id": {"$in": [url[8:], loads[0][8:]]}}))
        self.assertEqual([], list((first.data / "uploads").iterdir()))

    async def test_former_folder(self) -> None:
        """A daemon that had a folder still serves what is in it, and its operator can move that to the store."""
        daemon = await self.one('[uploads]\nstore = "folder"\n', "former").start()
        url = (await self.upload(daemon)).json["url"]
        self.assertEqual(0, self.database["fs.files"].count_documents({}))
        await daemon.stop()
        former, other = self.one(name="former"), self.one()
        await at_once(each.start() for each in (former, other))

        self.assertEqual((200, 404), ((await self.fetch(former, url))[0], (await self.fetch(other, url))[0]))
        done = await run("--mongo", self.uri, "--data-dir", str(former.data), "uploads", "move")
        self.assertEqual(0, done.code, done)

        self.assertEqual((200, 200), ((await self.fetch(former, url))[0], (await self.fetch(other, url))[0]))
        await self.assert_gifts(former, other)
        self.assertEqual([], list((former.data / "uploads").iterdir()))


class Crashes(SharedCase):
    """An acknowledged picture is served, whatever dies."""

    async def test_killed(self) -> None:
        """The database is killed during uploads, and then the daemon: the other one has every acknowledged picture."""
        mongod = RunningMongod()
        self.addCleanup(mongod.end)
        self.uri = mongod.uri("pictures")
        first, second = await self.two()
        urls: list[str] = []
        others: set[int] = set()

        async def upload(until: int) -> None:
            while len(urls) < until:
                try:
                    answer = await self.upload(first, picture("PNG", (300, 300)))
                except (ResponseFailed, ConnectionRefusedError):  # the daemon is killed
                    return
                if answer.status == 201:
                    urls.append(answer.json["url"])
                else:
                    others.add(answer.status)

        uploading = [Deferred.fromCoroutine(upload(300)) for _ in range(4)]
        await eventually(lambda: len(urls) > 10, "uploads")
        await deferToThread(mongod.kill_and_restart)
        acknowledged = len(urls)
        await eventually(lambda: len(urls) > acknowledged + 10, "uploads again", 40)
        await first.kill()
        await gatherResults(uploading)

        self.assertLessEqual(others, {503})
        self.assertLess(len(urls), 300)
        found = await at_once(self.fetch(second, url) for url in urls)
        self.assertEqual({200}, {status for status, _, _ in found})
        for _, content, _ in found:
            Image.open(BytesIO(content)).load()


class InAFolder(StartCase):
    async def test_no_move(self) -> None:
        """Where pictures stay in the folder there is nowhere to move them."""
        daemon = await shared_daemon()

        done = await run("--data-dir", str(daemon.data), "uploads", "move")

        self.assertEqual((1, 1), (done.code, done.error.count("\n")))
        self.assertIn("[uploads] store", done.error)


class InS3(SharedCase):
    def table(self, **changes: Any) -> str:
        return toml(shared_s3().table(prefix=f"{secrets.token_hex(4)}/", **changes))

    async def test_shared(self) -> None:
        """Uploads and pictures of gifts are in the bucket alone, and served by both daemons."""
        first, second = await self.two(f'[uploads]\nstore = "s3"\n{self.table()}')

        url = await self.assert_shared(first, second)
        await self.assert_exports(first, second)
        await self.assert_gifts(first, second)

        self.assertTrue([name for name in await deferToThread(shared_s3().names) if name.endswith(url[8:])])
        self.assertEqual(0, self.database["fs.files"].count_documents({}))

    async def test_out_of_order(self) -> None:
        """While the service is out of order uploads are 503 and leave nothing; the rest goes on, also over a start."""
        fake = FakeGateway()
        self.addCleanup(lambda: Deferred.fromCoroutine(fake.stop()))
        fake.answer = with_status(500)
        limits = "upload_bytes_in_all = 1500\n"
        s3 = self.table(endpoint=fake.address)
        daemon = await self.one(f'{limits}[uploads]\nstore = "s3"\n{s3}').start()
        self.assertIn("[uploads.s3] endpoint: status 500", daemon.log)

        for _ in range(3):  # the bytes of the day are given back
            answer = await self.upload(daemon)
            self.assertEqual((503, "store-away"), (answer.status, answer.code))
            self.assertEqual(["5"], answer.headers.getRawHeaders("retry-after"))
        self.assertEqual([], list((daemon.data / "uploads-copies").iterdir()))
        self.assertEqual([], list((daemon.data / "spool").iterdir()))
        fake.answer = with_status(200)
        self.assertEqual(201, (await self.upload(daemon)).status)
        self.assertEqual(200, (await (await a_person(daemon)).call("/room/get")).status)

    async def test_wrong_starts(self) -> None:
        """A wrong bucket is one line, and so is, for --check-config, a service that is away."""
        good = shared_s3().table()
        store = '[uploads]\nstore = "s3"\n'
        wrong = self.a_config(store + toml({**good, "bucket": "nobodys"}))
        away = self.a_config(store + toml({**good, "endpoint": "http://127.0.0.1:9"}))

        lines = await self.refusals(
            ("--mongo", self.uri, "--config", wrong), ("--mongo", self.uri, "--config", away, "--check-config")
        )

        for line, words in zip(lines, ("[uploads.s3] bucket", "http://127.0.0.1:9 cannot be reached"), strict=True):
            self.assertIn(words, line)
            self.assertNotIn(shared_s3().secret_key, line)
