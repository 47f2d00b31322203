"""Profiles: editing them, and the fields that others see."""

from typing import Any

from tests.support.chat import ChatTestCase, Person, a_person, a_room
from tests.support.wire import NOBODY, PHOTO, USER_FIELDS, OwnDaemonCase

PROFILE: dict[str, Any] = {
    "nickname": "Анна 🌻",
    "location": "Пермь",
    "photo": PHOTO,
    "dob": "1990-02-08",
    "gender": 1,
}


async def edited(person: Person, **fields: Any) -> dict[str, Any]:
    """The user that an edit answers."""
    answer = await person.call("/init/edit", user=fields)
    assert answer.status == 200, answer
    user: dict[str, Any] = answer.data["user"]
    return user


class Editing(ChatTestCase):
    async def test_each(self) -> None:
        """Each field is edited by itself; the answer is the user, and the others stay."""
        anna = await self.a_person()
        expected = await anna.shown()

        for field, value in PROFILE.items():
            expected[field] = value

            self.assertEqual(expected, await edited(anna, **{field: value}))
        self.assertEqual(expected, await anna.shown())

    async def test_empties(self) -> None:
        """null empties a field."""
        anna = await self.a_person(**PROFILE)

        for field in PROFILE:
            self.assertIsNone((await edited(anna, **{field: None}))[field])

        shown = await anna.shown()
        self.assertEqual(dict.fromkeys(PROFILE), {field: shown[field] for field in PROFILE})

    async def test_nothing(self) -> None:
        """An edit of nothing changes nothing."""
        anna = await self.a_person(**PROFILE)
        before = await anna.shown()

        self.assertEqual(before, await edited(anna))

    async def test_dob(self) -> None:
        """A date of birth is YYYY-MM-DD, and is shown so when it was written shorter."""
        anna = await self.a_person()

        shown = [(await edited(anna, dob=dob))["dob"] for dob in ("1990-2-8", "1990-02-8", "2000-02-29", "1990-12-31")]

        self.assertEqual(["1990-02-08", "1990-02-08", "2000-02-29", "1990-12-31"], shown)

    async def test_wrong_values(self) -> None:
        """A wrong value is 400, and nothing of the edit is stored."""
        anna = await self.a_person(**PROFILE)
        before = await anna.shown()

        for field, value in (
            *(
                ("dob", dob)
                for dob in ("1990-02-31", "2001-02-29", "1990-13-01", "08.02.1990", "", "1990-02", "٢٠٠٠-٠١-٠١")
            ),
            *(("dob", dob) for dob in (634435200000, True, [], {}, "1990-02-08T00:00:00Z", "0000-00-00")),
            *(("gender", gender) for gender in (2, -1, "1", 0.5, True, [], {}, 10**30)),
            *(("nickname", name) for name in ("x" * 65, 5, True, [], {}, {"$set": "x"})),
            *(("location", name) for name in ("x" * 65, 5, ["Perm"])),
            *(("photo", photo) for photo in (5, True, [PHOTO], "x" * 60_000)),
        ):
            answer = await anna.call("/init/edit", user={"nickname": "changed", "location": "changed", field: value})

            self.assertEqual(400, answer.status, (field, value))
            self.assertEqual([f"user.{field}"], [wrong["field"] for wrong in answer.json["fields"]])
        self.assertEqual(before, await anna.shown())

    async def test_longest_name(self) -> None:
        """A name may have 64 characters of any encoded length."""
        anna = await self.a_person()

        for name in ("x" * 64, "я" * 64, "🌻" * 64):
            self.assertEqual(name, (await edited(anna, nickname=name))["nickname"])

    async def test_dropped(self) -> None:
        """Fields that are not editable are dropped, balance and phone included."""
        anna, boris = await self.a_person(), await self.a_person()
        before = await anna.shown()

        after = await edited(
            anna,
            balance=10**6,
            phone=boris.phone,
            _id=boris.id,
            room=NOBODY,
            rooms=[NOBODY],
            gifts=[{}],
            **{"create_at": "1990", "visitedRooms": [NOBODY], "password": "x", "tries": 0, "$set": {"balance": 5}},
        )

        self.assertEqual(before, after)
        self.assertEqual(before, await anna.shown())

    async def test_no_user(self) -> None:
        """An edit without its ``user``, or with one that is no object, is 400."""
        anna = await self.a_person()

        self.assertEqual(400, (await anna.call("/init/edit")).status)
        for user in (None, 5, "anna", [], [{}], True):
            self.assertEqual(400, (await anna.call("/init/edit", user=user)).status, user)


class Showing(ChatTestCase):
    async def test_oneself(self) -> None:
        """Without a user_id, or with their own, callers see themselves: every field of a user and no other."""
        anna = await self.a_person(**PROFILE)

        answers = [await anna.call("/init/getUser"), await anna.call("/init/getUser", user_id=anna.id)]

        self.assertEqual([200, 200], [answer.status for answer in answers])
        self.assertEqual(answers[0].data, answers[1].data)
        self.assertEqual(USER_FIELDS, set(answers[0].data["user"]))
        self.assertEqual(anna.id, answers[0].data["user"]["_id"])

    async def test_other(self) -> None:
        """Others see every field but the balance, the phone included."""
        anna, boris = await self.a_person(**PROFILE), await self.a_person()
        expected = await anna.shown()
        del expected["balance"]

        answer = await boris.call("/init/getUser", user_id=anna.id)

        self.assertEqual((200, expected), (answer.status, answer.data["user"]))
        self.assertEqual(anna.phone, expected["phone"])

    async def test_nobody(self) -> None:
        """An unknown id is 404, malformed or not."""
        anna = await self.a_person()
        room = await a_room(anna)

        for id in (NOBODY, room, "", "anna", anna.id[:-1], anna.id + "0", "x" * 1000, "\0", "../" + anna.id, "$ne"):
            answer = await anna.call("/init/getUser", user_id=id)

            self.assertEqual((404, "user-not-found"), (answer.status, answer.code), id)

    async def test_malformed(self) -> None:
        """A user_id that is no string is 400."""
        anna = await self.a_person()

        for id in (5, True, 1.5, [], [anna.id], {}, {"$gt": ""}, {"$ne": None}):
            self.assertEqual(400, (await anna.call("/init/getUser", user_id=id)).status, id)


class HiddenPhones(OwnDaemonCase):
    async def test_hidden(self) -> None:
        """With show_phones off, a phone is shown to its owner alone."""
        await self.start("[privacy]\nshow_phones = false")
        anna, boris = await a_person(self.daemon), await a_person(self.daemon)

        answer = await boris.call("/init/getUser", user_id=anna.id)

        self.assertEqual(USER_FIELDS - {"phone", "balance"}, set(answer.data["user"]))
        self.assertEqual(anna.phone, (await anna.shown())["phone"])
