"""The users and rooms of the benchmark: the same for the daemon and the peers, so that one plan fits all.

It is written into the databases before they are used: to sign up five hundred people takes half a minute.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from bson import ObjectId
from pymongo import MongoClient

from bench.mongo import fill, make_indexes
from justchat.model.ids import Id
from justchat.model.phone import Phone
from justchat.model.room import Room
from justchat.model.user import Session, User
from justchat.store.bson import room_to_document
from justchat.store.bson_users import session_to_document, user_to_document

SESSIONS = 8
"""Among which the sockets of a large room are shared out, and the connections that speak there."""
ROOMS = 500
ARCHIVED_MESSAGES, ARCHIVED_ROOMS, ARCHIVED_DIRECT, DIALOGS = 1_000_000, 100_000, 100_000, 50
NOW = datetime.now(UTC).replace(microsecond=0)


def key(person: int) -> str:
    return sha256(f"bench {person}".encode()).hexdigest()[:48]


def _id(kind: str, number: int) -> Id:
    return Id(sha256(f"{kind} {number}".encode()).hexdigest()[:24])


def person_id(person: int) -> Id:
    return _id("person", person)


def room_id(room: int) -> Id:
    return _id("room", room)


HALL, QUIET, WRITERS, READERS = (range(start, start + SESSIONS) for start in range(0, 4 * SESSIONS, SESSIONS))
"""People in the first room and in the second, those who write to somebody, and those they write to."""
DWELLERS = range(4 * SESSIONS, 4 * SESSIONS + ROOMS)
"""One in each of the small rooms."""
IN_ROOM = {0: HALL, 1: QUIET} | {2 + i: range(person, person + 1) for i, person in enumerate(DWELLERS)}


FEW = range(DWELLERS.stop, DWELLERS.stop + 10)
MANY_MEMBERS = range(FEW.stop, FEW.stop + 10_000)
LARGE_ROOMS = {len(FEW): 1_000_001, len(MANY_MEMBERS): 1_000_002}
"""The rooms of these people, by their number."""


def seed(uri: str) -> None:
    """People, their sessions, and rooms with them inside."""
    where = {person: room for room, people in IN_ROOM.items() for person in people}
    people = range(DWELLERS.stop)
    fill(uri, "users", (_person(person, where.get(person)) for person in people))
    fill(uri, "sessions", (_session(person) for person in people))
    fill(uri, "rooms", (_room(room, people) for room, people in IN_ROOM.items()))


def peers_indexes(uri: str) -> None:
    """What the peers look for; the daemon makes its own, which are more."""
    with MongoClient(uri) as client:
        database = client["justchat"]
        database["sessions"].create_index("digest", unique=True)
        database["dialogs"].create_index([("owner", 1), ("other", 1)], unique=True)
        database["log"].create_index([("stream", 1), ("_id", 1)])


def _person(person: int, room: int | None) -> dict[str, Any]:
    user = User(id=person_id(person), phone=Phone(f"7911{person:07d}"), password="", created_at=NOW)
    return {**user_to_document(user), "room": None if room is None else ObjectId(room_id(room))}


def _session(person: int) -> dict[str, Any]:
    session = Session(
        id=_id("session", person),
        user=person_id(person),
        created_at=NOW,
        seen_at=NOW,
        expires_at=NOW + timedelta(days=30),
    )
    return session_to_document(session, sha256(key(person).encode()).digest())


def _room(number: int, people: range) -> dict[str, Any]:
    inside = dict.fromkeys(map(person_id, people))
    room = Room(
        id=room_id(number),
        name=f"Room {number} of the bench",
        admin=person_id(people[0]),
        created_at=NOW - timedelta(seconds=number),
        max_users=max(100, len(people)),
        users=inside,
        visitors=inside,
    )
    return room_to_document(room, 0)


def seed_archive(uri: str) -> None:
    """The same with an archive: a room of a million messages, a hundred thousand rooms, fifty long dialogs."""
    seed(uri)
    fill(uri, "rooms", (_room(10_000 + number, range(number % 500, number % 500 + 1)) for number in _rooms()))
    with MongoClient(uri) as client:
        client["justchat"]["rooms"].update_one({"_id": ObjectId(room_id(0))}, {"$set": {"seq": ARCHIVED_MESSAGES}})
    fill(uri, "log", _messages())
    fill(uri, "log", (message for message, _ in _direct()))
    fill(uri, "dialogs", _dialogs())
    make_indexes(uri)


def seed_large(uri: str) -> None:
    """Two rooms: one of ten people, and one of ten thousand."""
    for people in (FEW, MANY_MEMBERS):
        room = LARGE_ROOMS[len(people)]
        fill(uri, "users", (_person(person, room) for person in people))
        fill(uri, "sessions", (_session(person) for person in people[: len(FEW)]))
        fill(uri, "rooms", iter([_room(room, people)]))


def _rooms() -> range:
    return range(ARCHIVED_ROOMS - len(IN_ROOM))


def _messages() -> Iterator[dict[str, Any]]:
    stream, author = ObjectId(room_id(0)), ObjectId(person_id(HALL[0]))
    for seq in range(1, ARCHIVED_MESSAGES + 1):
        yield {"stream": stream, "seq": seq, "kind": "message", "author": author, "create_at": NOW, "text": "x" * 40}


def _direct() -> Iterator[tuple[dict[str, Any], bool]]:
    """What was sent to the first person, oldest first, and whether it is its dialog's last; a hundredth is unread."""
    user = ObjectId(person_id(0))
    for seq in range(1, ARCHIVED_DIRECT + 1):
        author = person_id(1 + seq % DIALOGS)
        unread = seq > ARCHIVED_DIRECT * 99 // 100
        at = NOW - timedelta(seconds=ARCHIVED_DIRECT - seq)
        message = {
            "_id": ObjectId(_id("direct", seq)),
            "stream": user,
            "seq": seq,
            "kind": "direct-message",
            "author": ObjectId(author),
            "user": user,
            "create_at": at,
            "text": "x" * 40,
            "pair": ":".join(sorted((author, person_id(0)))),
            "read": not unread,
            "removed_by": [],
            **({} if unread else {"read_at": at}),
        }
        yield message, seq > ARCHIVED_DIRECT - DIALOGS


def _dialogs() -> Iterator[dict[str, Any]]:
    for message, last in _direct():
        if last:
            for owner, other in (("user", "author"), ("author", "user")):
                yield {
                    "owner": message[owner],
                    "other": message[other],
                    "last": message["_id"],
                    "at": message["create_at"],
                }
