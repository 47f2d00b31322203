"""The deletion and the export of somebody who wrote very much, and what they cost others."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from itertools import islice
from typing import Any
from zipfile import ZipFile

import treq
from bson import ObjectId
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.web.client import Agent

from justchat.model.ids import Id, new_id
from justchat.model.room import Room
from justchat.store.bson import room_to_document
from tests.support.bystanders import LARGE, bystanders, harm
from tests.support.chat import Person, a_person
from tests.support.waiting import eventually
from tests.support.wire import OwnDatabaseCase

MESSAGES = 1_000_000 if LARGE else 300
EXPORTED = 100_000 if LARGE else 1_000
SECONDS = 20.0 if LARGE else 1.0
"""Seconds of a deletion that are measured."""
RISE = 1.5
"""The 99th percentile of others' calls, as a multiple of the quiet one, in the large form."""


class PersonalData(OwnDatabaseCase):
    timeout = 900

    async def setUp(self) -> None:
        await super().setUp()
        config = self.daemon.folder / "justchat.toml"
        config.write_text("[accounts]\ndeletion_grace = 0\n")
        self.daemon.options += ("--config", str(config))
        await self.daemon.start()

    def fill(self, author: Person, number: int, admin: str | None = None) -> None:
        """A room in which somebody wrote so many messages; ``admin``: of somebody else."""
        at = datetime.now(UTC).replace(microsecond=0)
        people = {Id(author.id): None}
        room = Room(
            id=new_id(),
            name="a diary",
            admin=Id(admin or author.id),
            created_at=at,
            max_users=10,
            users=people,
            visitors=people,
        )
        self.database["rooms"].insert_one(room_to_document(room, number))
        self.database["users"].update_one({"_id": ObjectId(author.id)}, {"$push": {"visitedRooms": ObjectId(room.id)}})

        def messages() -> Iterator[dict[str, Any]]:
            for seq in range(1, number + 1):
                yield {
                    "stream": ObjectId(room.id),
                    "seq": seq,
                    "kind": "message",
                    "author": ObjectId(author.id),
                    "create_at": at,
                    "text": f"Dear diary, {seq}",
                }

        left = messages()
        while some := list(islice(left, 10_000)):
            self.database["log"].insert_many(some, ordered=False)

    def words(self) -> int:
        """Messages that still have their words, counted up to two."""
        return self.database["log"].count_documents({"text": {"$regex": "^Dear diary"}}, limit=2)

    async def test_deletion(self) -> None:
        """Each message is removed from a room that others are in."""
        await self.delete("deletion", await a_person(self.daemon))

    async def test_deletion_of_room(self) -> None:
        """The room is the author's own, and is removed as a whole."""
        await self.delete("deletion with the room", None)

    async def delete(self, name: str, admin: Person | None) -> None:
        author = await a_person(self.daemon)
        self.fill(author, MESSAGES, None if admin is None else admin.id)

        async def deleting() -> None:
            self.assertEqual(202, (await author.call("/user/delete", key=author.key)).status)
            await deferLater(reactor, SECONDS)

        async with bystanders(self.daemon) as people:
            quiet = await people.during(deferLater(reactor, SECONDS))
            deleted = await people.during(deleting())

        self.assertEqual([], harm(quiet, deleted, rise=RISE, name=f"{name}, {MESSAGES:,} messages"))
        if not LARGE:
            await eventually(lambda: not self.words(), "no words")

    async def test_export(self) -> None:
        author = await a_person(self.daemon)
        self.fill(author, EXPORTED)

        made: dict[str, Any] = {}

        async def is_made(export: str) -> bool:
            made.update((await author.call("/user/export", export=export)).data["export"])
            return bool(made["status"] == "ready")

        async def exporting() -> None:
            asked = await author.call("/user/export")
            self.assertEqual(202, asked.status)
            await eventually(partial(is_made, asked.data["export"]["_id"]), "the archive", 300)

        async with bystanders(self.daemon) as people:
            quiet = await people.during(deferLater(reactor, SECONDS))
            exported = await people.during(exporting())

        self.assertEqual([], harm(quiet, exported, name=f"export, {EXPORTED:,} messages"))
        response = await treq.get(f"http://127.0.0.1:{self.daemon.http}/{made['url']}", agent=Agent(reactor))
        with ZipFile(BytesIO(await treq.content(response))) as archive:
            self.assertEqual(EXPORTED, archive.read("messages.jsonl").count(b"Dear diary"))
