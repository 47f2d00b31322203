"""The replay of a fault run's log finds what the rules forbid."""

from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import MongoClient
from twisted.trial.unittest import TestCase

from tests.support.log_replay import NEW, LogReplay
from tests.support.mongo import drop, empty_uri

ROOM, ADMIN, ANNA, BEN = (ObjectId() for _ in range(4))
NOW = datetime(2026, 11, 26)
ENTERED = ("new roommate", ANNA, ANNA)
Short = tuple[str, ObjectId, ObjectId]


def entries(*short: Short) -> list[dict[str, Any]]:
    """The entries of a room's log: kind, author, user."""
    return [
        {"_id": ObjectId(), "stream": ROOM, "seq": seq, "kind": kind, "author": author, "user": user, "create_at": NOW}
        for seq, (kind, author, user) in enumerate(short, 1)
    ]


class Replay(TestCase):
    def replay(self, log: list[dict[str, Any]], **snapshot: Any) -> LogReplay:
        uri = empty_uri()
        self.addCleanup(drop, uri)
        people: dict[str, Any] = {name: [] for name in ("users", "visiters", "banned", "moderators")}
        room = {"_id": ROOM, "admin": ADMIN, **NEW, "max_users": 1, "seq": 0, "n_users": 0, **people, **snapshot}
        with MongoClient[dict[str, Any]](uri) as client:
            database = client.get_default_database()
            database.rooms.insert_one(room)
            database.log.insert_many(log)
            return LogReplay(database)

    def assert_allowed(self, *short: Short) -> None:
        self.assertEqual([], self.replay(entries(*short)).wrong)

    def assert_wrong(self, *short: Short) -> None:
        self.assertEqual(1, len(self.replay(entries(*short)).wrong), short)

    def test_allowed(self) -> None:
        """A log that keeps the rules has nothing wrong."""
        self.assert_allowed(ENTERED, ("message", ANNA, ANNA), ("leave", ANNA, ANNA), ("new roommate", BEN, BEN))
        self.assert_allowed(ENTERED, ("void", BEN, BEN), ("ban", ADMIN, ANNA), ("unban", ADMIN, ANNA), ENTERED)

    def test_forbidden(self) -> None:
        """An entry of somebody who may not is found."""
        self.assert_wrong(("message", ANNA, ANNA))
        self.assert_wrong(ENTERED, ENTERED)
        self.assert_wrong(ENTERED, ("new roommate", BEN, BEN))
        self.assert_wrong(("ban", ADMIN, ANNA), ENTERED)
        self.assert_wrong(ENTERED, ("leave", ANNA, ANNA), ("message", ANNA, ANNA))
        self.assert_wrong(ENTERED, ("kick", BEN, ANNA))
        self.assert_wrong(("new moderator", ANNA, BEN))

    def test_silence(self) -> None:
        """A message of somebody who is silenced is found, and none after the end."""
        log = entries(ENTERED, ("silence", ADMIN, ANNA), ("message", ANNA, ANNA), ("message", ANNA, ANNA))
        log[1]["finished"] = log[3]["create_at"] = NOW + timedelta(seconds=1)

        self.assertEqual(1, len(self.replay(log).wrong))

    def test_gap(self) -> None:
        """A number that is missing is found."""
        log = entries(ENTERED, ("message", ANNA, ANNA))
        log[1]["seq"] = 3

        self.assertNotEqual([], self.replay(log).wrong)

    def test_snapshot(self) -> None:
        """A snapshot that is not the log's state at its seq is found."""
        log = entries(ENTERED)

        self.assertNotEqual([], self.replay(log, seq=1).wrong)
        self.assertEqual([], self.replay(log, seq=1, users=[ANNA], visiters=[ANNA], n_users=1).wrong)

    def test_notices(self) -> None:
        """A notice that is missing, and one that is there twice, are found."""
        log = entries(ENTERED, ("kick", ADMIN, ANNA))
        notices = [
            {**log[1], "_id": ObjectId(), "stream": ANNA, "seq": seq, "kind": "service-message", "ref_message": log[1]}
            for seq in (1, 2)
        ]

        self.assertEqual([1, 0, 1], [len(self.replay(log + notices[:n]).missing_notices()) for n in range(3)])

    def test_edits(self) -> None:
        """A room has the size of its last edit, which its admin alone makes, and in slow mode people wait."""
        settings = {"name": "b", "max_users": 1, "slow_mode": 5}
        edit = ("edit room", ADMIN, ADMIN)
        said = ("message", ANNA, ANNA)
        log = entries(ENTERED, edit, said, said, ("new roommate", BEN, BEN))
        log[1]["settings"] = settings
        log[3]["create_at"] = NOW + timedelta(seconds=5)
        self.assertEqual(1, len(self.replay(log).wrong), "the room is full")

        log[3]["create_at"] = NOW + timedelta(seconds=4)
        self.assertEqual(2, len(self.replay(log).wrong), "and somebody speaks too soon")

        log[1]["author"] = BEN
        self.assertEqual(3, len(self.replay(log).wrong), "and Ben is no admin")

    def test_snapshot_of_edit(self) -> None:
        """A snapshot without an edit is found."""
        log = entries(("edit room", ADMIN, ADMIN))
        log[0]["settings"] = {"name": "b", "max_users": 1, "slow_mode": 5}

        self.assertEqual([], self.replay(log, seq=1, **log[0]["settings"]).wrong)
        self.assertEqual(1, len(self.replay(log, seq=1).wrong))

    def test_blocks(self) -> None:
        """What passes a block is found, and nothing before it and after its end."""
        kinds = ("direct-message", "block", "gift-message", "unblock", "direct-message")
        log = entries(*((kind, ANNA if kind.endswith("block") else BEN, BEN) for kind in kinds))
        for entry in log:
            entry["stream"] = ANNA

        wrong = self.replay(log).wrong

        self.assertEqual(1, len(wrong), wrong)
        self.assertIn("gift-message", wrong[0])

    def test_held(self) -> None:
        """A held message is let go once, and not removed as others are."""
        log = entries(ENTERED, ("message", ANNA, ANNA), ("message released", ANNA, ANNA))
        log[1] |= {"held": "decided", "text": "badword"}
        log[2] |= {"message": log[1]["_id"], "gap": 2}
        replay = self.replay(log)
        self.assertEqual([], replay.wrong + replay.wrongly_decided(str(log[1]["_id"]), "release"))
        self.assertNotEqual([], replay.wrongly_decided(str(log[1]["_id"]), "drop"))

        again = {**log[2], "_id": ObjectId(), "seq": 4}
        del again["gap"]
        self.assertEqual(1, len(self.replay([*log, again]).wrong))
        waiting = self.replay(log[:2])
        self.assertNotEqual([], waiting.wrongly_decided(str(log[1]["_id"]), "release"))
        removed = {**log[2], "kind": "message-removed"}
        self.assertEqual(1, len(self.replay([*log[:2], removed]).wrong))
