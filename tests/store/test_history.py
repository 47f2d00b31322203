"""The position in a room's history, with void entries and with any number of removals between its messages."""

import random

from attrs import evolve
from bson import ObjectId
from twisted.internet.defer import ensureDeferred, gatherResults

from justchat.interfaces.rooms import Proposal
from justchat.model.entry import CHANGES_MESSAGE, Entry, Expired, Hold, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.room import Room
from justchat.store.bson import room_to_document
from justchat.store.history import History
from justchat.store.indexes import LOG, ROOMS
from justchat.store.log.beginnings import delete_beginning
from justchat.store.log.reader import LogReader
from justchat.store.rooms import Rooms
from tests.support.log_case import ALL, NOBODY, LogCase, entry, move, say

NOTHING = CHANGES_MESSAGE | {Kind.VOID}


def remove(author: Id, message: Id) -> Proposal:
    def propose(room: Room, seq: int) -> Entry:
        return Entry(
            id=new_id(),
            stream=room.id,
            seq=seq,
            kind=Kind.MESSAGE_REMOVED,
            author=author,
            created_at=now(),
            message=message,
        )

    return propose


def hold(author: Id) -> Proposal:
    def propose(room: Room, seq: int) -> Entry:
        return evolve(entry(room, seq, author, Kind.MESSAGE), text="text", held=Hold.WAITING)

    return propose


def release(held: Entry) -> Proposal:
    def propose(room: Room, seq: int) -> Entry:
        return evolve(entry(room, seq, held.author, Kind.RELEASE), ref_message=held, message=held.id)

    return propose


class HistoryCase(LogCase):
    def seen_by(self, viewer: Id, entries: list[Entry]) -> list[int]:
        """The seqs of the history, from the log."""
        released = {each.message for each in entries if each.kind is Kind.RELEASE}
        upto = max((each.expired.upto for each in entries if each.expired is not None), default=0)
        return [
            each.seq
            for each in entries
            if each.seq > upto
            and each.kind not in NOTHING
            and (each.held is None or each.author == viewer or each.id in released)
        ]

    async def do(self, kind: str, rooms: Rooms, room: Id) -> None:
        if kind == "say":
            await rooms.append(room, say(self.anna))
        elif kind == "hold":
            await rooms.append(room, hold(self.anna))
        elif kind == "release":
            for held in random.Random(2).choices(list((await rooms.latest(room)).held) or [None]):
                if held is not None:
                    await rooms.append(room, release(await rooms.any_entry(held)))
        elif kind == "expire":
            await self.expire(rooms, room)
        elif kind == "void":
            await rooms.append(room, lambda room, seq: entry(room, seq, self.anna, Kind.VOID))
        else:
            number = 1 if kind == "remove" else random.Random(1).randint(200, 300)
            removals = [ensureDeferred(rooms.append(room, remove(self.anna, new_id()))) for _ in range(number)]
            await gatherResults(removals)

    async def expire(self, rooms: Rooms, room: Id) -> None:
        """Let a fifth of the history expire, and delete some of that."""
        database = self.database_of(rooms)
        history = History(database, LogReader(database))

        async def find(state: Room, seq: int) -> Expired | None:
            gone = state.expired.places
            place = gone + (seq - state.message_changes - gone) // 5
            if place == gone:
                return None
            upto = await history.seq_at(state, place)
            return Expired(upto, upto - place)

        gone = await rooms.expire(room, now(), find)
        await delete_beginning(database, ObjectId(room), gone.upto)


class SeveralDaemons(HistoryCase):
    async def test_against_the_log(self) -> None:
        """Every page is a part of the log without its void entries and removals, at any daemon, loaded when ever."""
        chance = random.Random(18)
        one, other = await self.a_daemon(), await self.a_daemon()
        room = await self.a_room(one)
        for _ in range(6):
            for kind in chance.choices(
                ["say", "remove", "void", "many", "hold", "release", "expire"], [4, 3, 1, 1, 2, 1, 1], k=40
            ):
                await self.do(kind, chance.choice([one, other]), room)
            fresh = await self.a_daemon()
            entries = await one.entries(room, 0, ALL)
            for viewer in (self.anna, NOBODY) * 40:
                seqs = self.seen_by(viewer, entries)
                skip, limit = chance.randint(-len(seqs) - 3, len(seqs) + 3), chance.choice([1, 2, 7, 500])
                start = skip if skip >= 0 else max(0, len(seqs) + skip)

                page = await chance.choice([one, other, fresh]).history(room, skip, limit, viewer)

                self.assertEqual(seqs[start : start + limit], [each.seq for each in page], (skip, limit))
            await fresh.stop()


class OneDaemon(HistoryCase):
    shared = False

    async def test_against_the_log(self) -> None:
        """The same where nobody else writes."""
        rooms = await self.a_daemon()
        room = await self.a_room(rooms)
        for kind in (
            "say",
            "hold",
            "hold",
            "remove",
            "say",
            "release",
            "void",
            "say",
            "expire",
            "many",
            "say",
            "remove",
            "remove",
            "say",
        ):
            await self.do(kind, rooms, room)
        await rooms.append(room, move(self.anna, Kind.LEAVE))
        seqs = self.seen_by(NOBODY, await rooms.entries(room, 0, ALL))

        for skip in range(-len(seqs) - 1, len(seqs) + 2):
            start = skip if skip >= 0 else max(0, len(seqs) + skip)
            for limit in (1, 3, 50):
                page = await rooms.history(room, skip, limit, NOBODY)
                self.assertEqual(seqs[start : start + limit], [each.seq for each in page], (skip, limit))

    async def test_cost(self) -> None:
        """A page costs the same at every position, whatever number of removals is before it and inside it."""
        rooms = await self.a_daemon()
        room = await self.filled(rooms, messages=3000, removals=9000)
        database = self.database_of(rooms)
        await rooms.get(room)
        await database.command({"profile": 2})

        for skip in (10, 1500, 2700, -100):
            page = await rooms.history(room, skip, 100, NOBODY)
            self.assertEqual(100, len(page))
        await database.command({"profile": 0})

        operations = await database.find("system.profile", {"command.find": LOG}, limit=ALL)
        self.assertLess(max(each["keysExamined"] for each in operations), 1000)
        self.assertLessEqual(len(operations), 4 * 3)

    async def filled(self, rooms: Rooms, *, messages: int, removals: int) -> Id:
        """A room with messages in tens, and as many removals behind each ten."""
        state = Room(id=new_id(), name="room", admin=self.anna, created_at=now(), max_users=10)
        documents, seq, runs = [], 0, messages // 10
        for run in range(runs):
            for place in range(10 + removals // runs):
                seq += 1
                document = {"_id": ObjectId(), "stream": ObjectId(state.id), "seq": seq, "create_at": now()}
                document["author"] = ObjectId(self.anna)
                if place < 10:
                    document |= {"kind": "message", "text": f"{seq}"}
                else:
                    document |= {"kind": "message-removed", "message": ObjectId()}
                if place == 10:
                    document["gap"] = (run + 1) * 10
                documents.append(document)
        database = self.database_of(rooms)
        await database.command({"insert": LOG, "documents": documents[:]}, within=60)
        await database.insert(ROOMS, {**room_to_document(state, 0), "order": 1})
        return state.id
