"""Pictures of a shared store are copied once, served from a bounded folder, and never half there."""

import os
import secrets
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from justchat.actions.uploads import UploadActions
from justchat.errors import Busy, DatabaseAway
from justchat.interfaces.pictures import IRemotePictures
from justchat.model.moment import now
from justchat.store.gridfs import GridFs
from justchat.store.indexes import CHUNKS, FILES, create_indexes
from justchat.store.mongo.client import Database
from justchat.store.pictures import RETAKEN, PictureRecords
from justchat.workers import picture_cache
from justchat.workers.images import Images
from justchat.workers.picture_cache import COPY_AGE, PictureCache
from tests.support.mongo import discard, empty_uri
from tests.support.waiting import at_once, eventually

SIZE = 100_000


@implementer(IRemotePictures)
class Watched:
    """GridFS with a gate: while that is closed, requests wait. ``asked`` are the names that were asked for."""

    def __init__(self, real: GridFs) -> None:
        self.real = real
        self.asked: list[str] = []
        self.gate: Deferred[None] | None = None
        self.is_away = False

    async def _pass(self) -> None:
        if self.is_away:
            raise DatabaseAway
        if self.gate is not None:
            opened: Deferred[None] = Deferred()
            self.gate.chainDeferred(opened)
            await opened

    async def start(self) -> None:
        await self.real.start()

    async def put(self, name: str, content: bytes) -> None:
        await self._pass()
        await self.real.put(name, content)

    async def get(self, name: str) -> bytes | None:
        self.asked.append(name)
        await self._pass()
        return await self.real.get(name)

    async def remove(self, names: Sequence[str]) -> None:
        await self._pass()
        await self.real.remove(names)


class CacheCase(TestCase):
    async def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.former = self.root / "uploads"
        self.former.mkdir()
        self.database = Database(empty_uri(), files=True)
        self.database.open()
        self.addCleanup(lambda: ensureDeferred(discard(self.database)))
        await create_indexes(self.database)
        self.records = PictureRecords(self.database, now, "gridfs")
        self.remote = Watched(GridFs(self.database, now))
        self.there, self.here = await self.a_cache("there"), await self.a_cache("here")

    async def a_cache(self, name: str) -> PictureCache:
        cache = PictureCache(self.remote, self.records, reactor, folder=self.root / name, former=self.former, size=SIZE)
        await cache.start()
        self.addCleanup(cache.stop)
        return cache

    async def a_picture(self, size: int = 1000) -> tuple[str, bytes]:
        """One that was uploaded there."""
        stem, content = secrets.token_hex(16), secrets.token_bytes(size)
        await self.records.add(stem, None, size)
        (self.there.folder / f"{stem}.png").write_bytes(content)
        await self.there.put(f"{stem}.png")
        return f"{stem}.png", content

    async def content(self, cache: PictureCache, name: str) -> bytes | None:
        file = await cache.find(name)
        return None if file is None else file.read_bytes()


class Copies(CacheCase):
    async def test_shared(self) -> None:
        """What was uploaded there is found here, is fetched once, and is whole."""
        name, content = await self.a_picture()

        found = [await self.content(self.here, name) for _ in range(3)]

        self.assertEqual(([content] * 3, [name]), (found, self.remote.asked))
        self.assertEqual([name], os.listdir(self.here.folder))

    async def test_joined(self) -> None:
        """Those who ask at once share one fetch, and one who gives up does not end it for the others."""
        name, content = await self.a_picture()
        self.remote.gate = Deferred()
        asking = [ensureDeferred(self.here.find(name)) for _ in range(20)]
        await eventually(lambda: self.remote.asked, "the fetch")

        asking[0].cancel()
        self.remote.gate.callback(None)

        await self.assertFailure(asking[0], CancelledError)
        for each in asking[1:]:
            self.assertEqual(content, (await each).read_bytes())
        self.assertEqual([name], self.remote.asked)

    async def test_missing(self) -> None:
        """A name without a record is not there, and the shared store is not asked; it is found once it is there."""
        name = f"{'0' * 32}.png"

        self.assertIsNone(await self.here.find(name))
        self.assertEqual([], self.remote.asked)
        await self.remote.put(name, b"x")
        await self.records.add("0" * 32, None, 1)
        self.assertEqual(b"x", await self.content(self.here, name))

    async def test_other_ending(self) -> None:
        """A name is its ending too."""
        name, _ = await self.a_picture()

        self.assertIsNone(await self.here.find(name.replace(".png", ".gif")))

    async def test_former_folder(self) -> None:
        """What this daemon stored in its folder before is still found."""
        (self.former / f"{'1' * 32}.png").write_bytes(b"old")

        self.assertEqual(b"old", await self.content(self.here, f"{'1' * 32}.png"))

    async def test_not_stored(self) -> None:
        """A picture that the store did not take is nowhere."""
        stem = secrets.token_hex(16)
        (self.here.folder / f"{stem}.png").write_bytes(b"x")
        self.remote.is_away = True

        await self.assertFailure(ensureDeferred(self.here.put(f"{stem}.png")), DatabaseAway)

        self.assertEqual([], os.listdir(self.here.folder))

    async def test_away(self) -> None:
        """While the store is away, copies are found; others are an error, and are found later."""
        first, content = await self.a_picture()
        second, more = await self.a_picture()
        await self.here.find(first)
        self.remote.is_away = True

        self.assertEqual(content, await self.content(self.here, first))
        await self.assertFailure(ensureDeferred(self.here.find(second)), DatabaseAway)
        self.remote.is_away = False
        self.assertEqual(more, await self.content(self.here, second))

    async def test_many(self) -> None:
        """A store that does not answer has a bounded number of callers waiting; who asks for nothing does not wait."""
        self.patch(picture_cache, "WAITING", 3)
        self.remote.gate = Deferred()
        names = [(await self.a_name()) for _ in range(picture_cache.TRANSFERS + 3)]
        asking = [ensureDeferred(self.here.find(name)) for name in names]
        await eventually(lambda: self.here._fetching._semaphore.waiting == 3, "the queue")

        await self.assertFailure(ensureDeferred(self.here.find(await self.a_name())), Busy)

        self.assertIsNone(await self.here.find(f"{'0' * 32}.png"))
        self.assertEqual(picture_cache.TRANSFERS, len(self.remote.asked))
        self.remote.gate.callback(None)
        self.remote.gate = None
        self.assertEqual([None] * len(names), [await each for each in asking])

    async def test_impatient(self) -> None:
        """Nobody waits for ever for a turn."""
        self.patch(picture_cache, "PATIENCE", 0.05)
        self.remote.gate = Deferred()
        asking = [ensureDeferred(self.here.find(await self.a_name())) for _ in range(picture_cache.TRANSFERS)]
        await eventually(lambda: len(self.remote.asked) == picture_cache.TRANSFERS, "the fetches")

        await self.assertFailure(ensureDeferred(self.here.find(await self.a_name())), Busy)

        gate, self.remote.gate = self.remote.gate, None
        gate.callback(None)
        self.assertEqual({None}, {await each for each in asking})
        self.assertIsNone(await self.here.find(await self.a_name()))

    async def a_name(self) -> str:
        stem = secrets.token_hex(16)
        await self.records.add(stem, None, 1)
        return f"{stem}.png"

    async def test_bounded(self) -> None:
        """The folder keeps to its size: the oldest copies go, and are fetched again."""
        pictures = [await self.a_picture(SIZE // 4) for _ in range(8)]

        for name, content in pictures:
            self.assertEqual(content, await self.content(self.here, name))

        await eventually(lambda: self.used() <= SIZE, "the oldest to go")
        self.assertEqual(pictures[-1][1], await self.content(self.here, pictures[-1][0]))
        self.assertEqual(pictures[0][1], await self.content(self.here, pictures[0][0]))

    def used(self) -> int:
        return sum(file.stat().st_size for file in self.here.folder.iterdir())

    async def test_removed(self) -> None:
        """A removed picture is gone there at once, and here when its copy is old."""
        name, _ = await self.a_picture()
        await self.here.find(name)

        await self.there.remove(name[:32])

        self.assertIsNone(await self.there.find(name))
        self.assertIsNotNone(await self.here.find(name))
        long_ago = time.time() - COPY_AGE - 1
        os.utime(self.here.folder / name, (long_ago, long_ago))
        await self.here.sweep()
        self.assertIsNone(await self.here.find(name))

    async def test_started_again(self) -> None:
        """A start removes what is old, also of what a crash left half written."""
        left = self.here.folder / ".left.png.1"
        left.write_bytes(b"x")
        os.utime(left, (1, 1))
        name, _ = await self.a_picture()
        await self.here.find(name)

        await self.a_cache("here")

        self.assertEqual([name], os.listdir(self.here.folder))

    async def test_together(self) -> None:
        """Twenty pictures at once arrive whole."""
        pictures = [await self.a_picture(300) for _ in range(20)]

        found = await at_once(self.content(self.here, name) for name, _ in pictures)

        self.assertEqual([content for _, content in pictures], found)


class Orphans(CacheCase):
    """Pictures that nothing refers to are removed at any daemon that shares the store."""

    async def setUp(self) -> None:
        await super().setUp()
        self.time = now()
        self.records = PictureRecords(self.database, lambda: self.time, "gridfs")

    def uploads(self, cache: PictureCache) -> UploadActions:
        return UploadActions(
            images=Images(cache, self.root / "spool", reactor),
            pictures=self.records,
            clock=lambda: self.time,
            per_user=None,
            per_address=None,
            in_all=None,
            orphans=timedelta(days=1),
        )

    async def stored(self) -> set[str]:
        names = {document["_id"] for document in await self.database.find(FILES, {}, limit=100)}
        return names | {document["files_id"] for document in await self.database.find(CHUNKS, {}, limit=100)}

    async def test_removed(self) -> None:
        """An orphan goes from the store; a picture that something refers to stays."""
        (kept, _), (orphan, _) = await self.a_picture(), await self.a_picture()
        await self.records.refer([kept[:32]])
        self.time += timedelta(days=1, seconds=1)

        await self.uploads(self.here).remove_orphans()

        self.assertEqual({kept}, await self.stored())
        self.assertFalse(await self.records.has(orphan[:32]))

    async def test_store_away(self) -> None:
        """While the store is away an orphan stays, is no longer found elsewhere, and goes later."""
        name, _ = await self.a_picture()
        self.time += timedelta(days=1, seconds=1)
        self.remote.is_away = True

        await self.assertFailure(ensureDeferred(self.uploads(self.there).remove_orphans()), DatabaseAway)
        self.assertIsNone(await self.here.find(name))
        self.remote.is_away = False
        self.time += RETAKEN + timedelta(seconds=1)
        await self.uploads(self.here).remove_orphans()

        self.assertEqual(set(), await self.stored())
