"""The log of rooms while its database dies or stops."""

import itertools
import time

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.task import deferLater

from justchat.errors import DatabaseAway, NotInRoom
from justchat.metrics.declarations import LOG_DOUBTS
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.room import Room
from justchat.store.indexes import LOG
from justchat.store.mongo.sharding import Scatter
from justchat.store.rooms import Rooms
from tests.support.log_case import ALL, NOBODY, LogCase, move, say
from tests.support.mongo import RunningMongod
from tests.support.waiting import eventually


class DatabaseDies(LogCase):
    """A power cut under load."""

    async def setUp(self) -> None:
        await super().setUp()
        self.mongod = RunningMongod()
        self.addCleanup(self.mongod.end)
        self.uri = self.mongod.uri("test")

    async def tearDown(self) -> None:
        self.mongod.go_on()  # or closing would wait for it
        await super().tearDown()

    async def test_acknowledged_are_kept(self) -> None:
        """When mongod is killed under load, every acknowledged entry is there once, and the log has no gap."""
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)
        acknowledged: list[str] = []
        refused: list[str] = []

        stopped: list[bool] = []

        async def talk(name: int) -> None:
            for n in itertools.count():
                if stopped:
                    return
                text = f"{name} {n}"
                try:
                    await rooms.append(room, say(self.anna, text))
                    acknowledged.append(text)
                except DatabaseAway:
                    refused.append(text)

        talking = gatherResults([ensureDeferred(talk(name)) for name in range(20)])

        async def more_acknowledged() -> None:
            before = len(acknowledged)
            await eventually(lambda: len(acknowledged) >= before + 200, "entries to be acknowledged")

        for _ in range(3):
            await more_acknowledged()
            self.mongod.kill_and_restart()
        await more_acknowledged()
        stopped.append(True)
        await talking

        stored = await rooms.history(room, 0, ALL, NOBODY)
        texts = [entry.text for entry in stored if entry.text]
        self.assertEqual(len(texts), len(set(texts)))
        self.assertEqual(set(acknowledged), set(texts))
        self.assertEqual(list(range(1, len(await self.all_seqs()) + 1)), await self.all_seqs())

    async def test_stopped_unexpectedly(self) -> None:
        """When the log stops unexpectedly, pending callers fail at once, and no timer is left."""
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)

        def fail(batch: object) -> None:
            raise RuntimeError("a fault of ours")

        self.patch(rooms._log._batches, "propose", fail)
        asked = [ensureDeferred(rooms.append(room, say(self.anna))) for _ in range(3)]

        for each in asked:
            await self.assertFailure(each, DatabaseAway)
        await rooms.stop()
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
        self.assertEqual([], [call for call in reactor.getDelayedCalls() if "Deadlines._expire" in str(call)])

    async def all_seqs(self) -> list[int]:
        database = self._parts[0][1]
        entries = await database.find(LOG, {}, sort={"stream": 1, "seq": 1}, limit=ALL, scatter=Scatter.LATEST_OF_ALL)
        return [entry["seq"] for entry in entries]

    async def test_refused_does_not_appear(self) -> None:
        """What was refused while the database was stopped does not appear when it goes on, and what follows does."""
        received: list[str | None] = []
        rooms = await self.a_daemon(lambda room, entry: received.append(entry.text))
        room = await self.a_room(rooms)
        self.shorten_appends(1.0)
        self.mongod.pause()  # the write waits in mongod's socket, and will be carried out

        with self.assertRaises(DatabaseAway):
            await rooms.append(room, say(self.anna, "refused"))
        later: Deferred[object] = deferLater(reactor, 0.1, self.mongod.go_on)
        await later
        await eventually_said(rooms, room, self.anna)

        texts = [entry.text for entry in await rooms.history(room, 0, ALL, NOBODY)]
        self.assertNotIn("refused", texts)
        self.assertEqual("after", texts[-1])
        self.assertNotIn("refused", received)

    async def test_doubts_are_counted(self) -> None:
        """An entry in doubt is shown while it is, and counted when it is settled."""
        self.shared = False  # or the log would be read before anything is written
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)
        self.shorten_appends(0.3)
        settled = LOG_DOUBTS.series["rooms", "settled"]
        self.mongod.pause()

        with self.assertRaises(DatabaseAway):
            await rooms.append(room, say(self.anna, "refused"))
        self.mongod.go_on()
        await eventually(lambda: LOG_DOUBTS.series["rooms", "settled"] > settled, "the doubt to be settled")

        self.assertEqual(settled + 1, LOG_DOUBTS.series["rooms", "settled"])
        self.assertEqual(0, rooms.log.in_doubt)

    async def test_stood_still(self) -> None:
        """An append whose time is over when a suspended process goes on has the outcome that the database gave it."""
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)
        self.shorten_appends(0.3)
        self.mongod.pause()
        asked = ensureDeferred(rooms.append(room, say(self.anna, "stored meanwhile")))
        await deferLater(reactor, 0.1)

        self.mongod.go_on()
        time.sleep(1.5)  # the reactor stands still, as in a process that is suspended
        _, entry = await asked

        assert entry is not None
        self.assertEqual(["stored meanwhile"], [e.text for e in await rooms.history(room, 0, ALL, NOBODY) if e.text])

    async def test_followers_of_the_refused_fall(self) -> None:
        """An entry that was allowed only by another one is withdrawn with it."""
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)
        self.shorten_appends(1.0)
        boris = new_id()
        self.mongod.pause()

        first = ensureDeferred(rooms.append(room, say(self.anna, "keeps the log busy")))
        enters = ensureDeferred(rooms.append(room, move(boris, Kind.NEW_ROOMMATE)))
        await deferLater(reactor, 0.9)
        speaks = ensureDeferred(rooms.append(room, say(boris)))
        await self.assertFailure(first, DatabaseAway)
        await self.assertFailure(enters, DatabaseAway)
        self.mongod.go_on()

        await self.assertFailure(speaks, DatabaseAway, NotInRoom)
        state, _ = await eventually_said(rooms, room, self.anna)
        self.assertNotIn(boris, state.users)
        self.assertNotIn(boris, [entry.author for entry in await rooms.history(room, 0, ALL, NOBODY)])


async def eventually_said(rooms: Rooms, room: Id, author: Id) -> tuple[Room, Entry | None]:
    """Append "after" as soon as the database allows it."""

    async def said() -> tuple[Room, Entry | None] | None:
        try:
            return await rooms.append(room, say(author, "after"))
        except DatabaseAway:
            return None

    done = await eventually(said, "the database to be back")
    assert done is not None
    return done
