"""The rules, applied to rooms."""

from datetime import UTC, datetime, timedelta

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from justchat.errors import Banned, NotAdmin, NotInRoom, Outranked, RoomFull, Silenced
from justchat.model.ids import Id
from justchat.model.room import Room
from justchat.policy import (
    check_enter,
    check_moderate,
    check_name_moderators,
    check_read,
    check_remove,
    check_speak,
    needs_password,
)

ADMIN, MODERATOR, OTHER_MODERATOR, ANNA, EVE = [Id(letter * 24) for letter in "abcde"]
NOON = datetime(2014, 2, 3, 12, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)
ROOM = Room(
    id=Id("f" * 24),
    name="a room",
    admin=ADMIN,
    created_at=NOON,
    max_users=3,
    moderators={MODERATOR: None, OTHER_MODERATOR: None},
    users={ANNA: None, MODERATOR: None},
)


class Entering(SynchronousTestCase):
    def test_free_place(self) -> None:
        """Anybody may enter a room that is not full."""
        check_enter(ROOM, EVE)

    def test_full(self) -> None:
        """A full room admits nobody new, not even its admin; users inside may enter again."""
        full = evolve(ROOM, max_users=2)

        for user in (EVE, ADMIN):
            with self.assertRaises(RoomFull):
                check_enter(full, user)
        check_enter(full, ANNA)

    def test_banned(self) -> None:
        """A banned user may not enter, and gets that error also for a full room."""
        for room in (ROOM, evolve(ROOM, max_users=2)):
            with self.assertRaises(Banned):
                check_enter(evolve(room, banned={EVE: None}), EVE)

    def test_password(self) -> None:
        """A private room requires its password, also of moderators; not of its admin or of users inside."""
        private = evolve(ROOM, password="a hash")

        self.assertEqual(
            {EVE: True, OTHER_MODERATOR: True, ADMIN: False, ANNA: False},
            {user: needs_password(private, user) for user in (EVE, OTHER_MODERATOR, ADMIN, ANNA)},
        )
        self.assertFalse(needs_password(ROOM, EVE))


class Speaking(SynchronousTestCase):
    def test_inside(self) -> None:
        """Those inside may send messages; others may not, not even the admin."""
        check_speak(ROOM, ANNA, NOON)

        for user in (EVE, ADMIN, OTHER_MODERATOR):
            with self.assertRaises(NotInRoom):
                check_speak(ROOM, user, NOON)

    def test_silence(self) -> None:
        """A silenced user may not send messages until the silence ends; others may."""
        room = evolve(ROOM, silenced_until={ANNA: NOON})

        with self.assertRaises(Silenced):
            check_speak(room, ANNA, NOON - MOMENT)
        check_speak(room, ANNA, NOON)
        check_speak(room, MODERATOR, NOON - MOMENT)

    def test_reading(self) -> None:
        """Those inside and the admin may read; others may not, not even moderators outside."""
        check_read(ROOM, ANNA)
        check_read(ROOM, ADMIN)

        for user in (EVE, OTHER_MODERATOR):
            with self.assertRaises(NotInRoom):
                check_read(ROOM, user)


class Moderating(SynchronousTestCase):
    def test_ranks(self) -> None:
        """A user may moderate those of lower rank: admin over moderators over everyone else."""
        ranks = {ADMIN: 2, MODERATOR: 1, OTHER_MODERATOR: 1, ANNA: 0, EVE: 0}
        for user in ranks:
            for whom in ranks:
                if ranks[user] > ranks[whom]:
                    check_moderate(ROOM, user, whom)
                else:
                    with self.assertRaises(Outranked):
                        check_moderate(ROOM, user, whom)

    def test_moderators(self) -> None:
        """Only the admin names moderators."""
        check_name_moderators(ROOM, ADMIN)

        for user in (MODERATOR, ANNA, EVE):
            with self.assertRaises(Outranked):
                check_name_moderators(ROOM, user)

    def test_removing(self) -> None:
        """Only the admin removes the room."""
        check_remove(ROOM, ADMIN)

        for user in (MODERATOR, ANNA, EVE):
            with self.assertRaises(NotAdmin):
                check_remove(ROOM, user)
