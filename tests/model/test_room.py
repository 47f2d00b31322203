"""Rooms: the state that their entries add up to."""

from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.room import VISITORS_KEPT, Room

ADMIN, ANNA, BORIS = Id("a" * 24), Id("b" * 24), Id("c" * 24)
NOON = datetime(2014, 2, 3, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROOM = Room(id=new_id(), name="a room", admin=ADMIN, created_at=NOON, max_users=255)


def after(room: Room, *entries: tuple[Kind, Id], **more: Any) -> Room:
    """The room after these kinds of entries about these users."""
    for seq, (kind, user) in enumerate(entries, 1):
        author = user if kind in (Kind.MESSAGE, Kind.NEW_ROOMMATE, Kind.LEAVE) else ADMIN
        entry: dict[str, Any] = {
            "id": new_id(),
            "stream": room.id,
            "seq": seq,
            "kind": kind,
            "created_at": NOON,
            **more,
        }
        room = room.after(Entry(author=author, user=user, **entry))
    return room


class Entries(SynchronousTestCase):
    def test_new_roommate(self) -> None:
        """A new roommate is among the users and the visiters, in the order of coming."""
        room = after(ROOM, (Kind.NEW_ROOMMATE, BORIS), (Kind.NEW_ROOMMATE, ANNA))

        self.assertEqual(([BORIS, ANNA], [BORIS, ANNA]), (list(room.users), list(room.visitors)))

    def test_leave(self) -> None:
        """A user who leaves is not among the users, but stays a visiter."""
        room = after(ROOM, (Kind.NEW_ROOMMATE, ANNA), (Kind.NEW_ROOMMATE, BORIS), (Kind.LEAVE, ANNA))

        self.assertEqual(([BORIS], [ANNA, BORIS]), (list(room.users), list(room.visitors)))

    def test_kick(self) -> None:
        """A kicked user is not among the users; the user who kicked stays."""
        room = after(ROOM, (Kind.NEW_ROOMMATE, ADMIN), (Kind.NEW_ROOMMATE, ANNA), (Kind.KICK, ANNA))

        self.assertEqual([ADMIN], list(room.users))

    def test_ban(self) -> None:
        """A banned user is neither user nor moderator, and is banned until unbanned."""
        banned = after(ROOM, (Kind.NEW_ROOMMATE, ANNA), (Kind.NEW_MODERATOR, ANNA), (Kind.BAN, ANNA))

        self.assertEqual(([], [], [ANNA]), (list(banned.users), list(banned.moderators), list(banned.banned)))
        self.assertEqual([], list(after(banned, (Kind.UNBAN, ANNA)).banned))

    def test_ban_of_an_early_one(self) -> None:
        """A banned user who entered before the latest visiters, and stayed, is one of them; one who never entered is
        not.
        """
        others = [(Kind.NEW_ROOMMATE, new_id()) for _ in range(VISITORS_KEPT)]
        room = after(ROOM, (Kind.NEW_ROOMMATE, ANNA), *others)
        self.assertNotIn(ANNA, room.visitors)

        self.assertIn(ANNA, after(room, (Kind.BAN, ANNA)).visitors)
        self.assertNotIn(BORIS, after(room, (Kind.BAN, BORIS)).visitors)

    def test_moderators(self) -> None:
        """A moderator stays one until removed."""
        room = after(ROOM, (Kind.NEW_MODERATOR, ANNA), (Kind.NEW_MODERATOR, BORIS), (Kind.REMOVE_MODERATOR, ANNA))

        self.assertEqual([BORIS], list(room.moderators))

    def test_silence(self) -> None:
        """A silence lasts until its end. A later one replaces it; one that ends in the past ends it."""
        silent = after(ROOM, (Kind.SILENCE, ANNA), finished=NOON + MINUTE)

        self.assertEqual({ANNA: NOON + MINUTE}, silent.silenced_until)
        longer = after(silent, (Kind.SILENCE, ANNA), finished=NOON + 2 * MINUTE)
        self.assertEqual({ANNA: NOON + 2 * MINUTE}, longer.silenced_until)
        self.assertEqual({}, after(silent, (Kind.SILENCE, ANNA), finished=NOON - MINUTE).silenced_until)

    def test_words(self) -> None:
        """Messages and void entries change nothing."""
        room = after(ROOM, (Kind.NEW_ROOMMATE, ANNA))

        self.assertEqual(evolve(room, voids=(2,)), after(room, (Kind.MESSAGE, ANNA), (Kind.VOID, ANNA)))

    def test_value(self) -> None:
        """The original room is not changed."""
        after(ROOM, (Kind.NEW_ROOMMATE, ANNA), (Kind.BAN, ANNA))

        self.assertEqual(({}, {}, {}), (ROOM.users, ROOM.visitors, ROOM.banned))

    def test_visiters(self) -> None:
        """A room remembers its latest visitors, a bounded number of them."""
        visitors = [Id(f"{n:024x}") for n in range(VISITORS_KEPT + 2)]

        room = after(ROOM, *((kind, user) for user in visitors for kind in (Kind.NEW_ROOMMATE, Kind.LEAVE)))

        self.assertEqual(visitors[2:], list(room.visitors))
