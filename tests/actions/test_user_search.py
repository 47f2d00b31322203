"""/user/search: finds users by the beginning of their nickname."""

import secrets
from typing import Any
from unicodedata import normalize

from tests.support.chat import ChatTestCase, Person
from tests.support.client import call
from tests.support.wire import SettingsCase


class Search(SettingsCase):
    settings = "[privacy]\nsearch_users = true\nshow_phones = false\n"

    async def setUp(self) -> None:
        await super().setUp()
        self.anna = await self.a_person()
        self.mark = secrets.token_hex(5)

    async def people(self, *names: str) -> list[Person]:
        """Users whose nicknames begin with this test's mark."""
        return [await self.a_person(nickname=self.mark + name) for name in names]

    async def found(self, beginning: str, **more: Any) -> list[str]:
        answer = await self.anna.call("/user/search", nickname=self.mark + beginning, **more)
        self.assertEqual(200, answer.status, answer.json)
        return [user["nickname"].removeprefix(self.mark) for user in answer.data["users"]]

    async def test_beginning(self) -> None:
        """Users are found by the beginning of their nickname, not by another part or a longer text."""
        await self.people("Anna", "Annabel", "Joanna", "An")

        self.assertEqual(["Anna", "Annabel"], await self.found("anna"))
        self.assertEqual([], await self.found("nna"))
        answer = await self.anna.call("/user/search", nickname=self.mark[1:])
        self.assertEqual([], answer.data["users"])

    async def test_folded(self) -> None:
        """Case, accents and composition make no difference."""
        await self.people("Чайка", normalize("NFD", "Élodie"), "STRASSE", "한국")

        for beginning, name in (("чай", "Чайка"), ("ЧАИ\u0306", "Чайка"), ("elo", "Élodie"), ("straß", "STRASSE")):
            self.assertEqual([name], await self.found(beginning))
        self.assertEqual(["한국"], await self.found(normalize("NFD", "한")))

    async def test_literal(self) -> None:
        """The searched text is taken literally."""
        await self.people("a.*", "abc", "$where", "a%")

        self.assertEqual(["a.*"], await self.found("a."))
        self.assertEqual([["$where"], ["a%"]], [await self.found("$"), await self.found("a%")])

    async def test_pages(self) -> None:
        """Each page follows the last one; the default is 40."""
        await self.people(*(f"p{n:02d}" for n in range(42)))

        self.assertEqual([f"p{n:02d}" for n in range(40)], await self.found("p"))
        self.assertEqual(["p40", "p41"], await self.found("p", skip=40))
        self.assertEqual(["p03", "p04"], await self.found("p", skip=3, limit=2))
        self.assertEqual([], await self.found("p", skip=1000))

    async def test_documents(self) -> None:
        """Users are shown without their balance, and without their phone where phones are hidden."""
        (boris,) = await self.people("Boris")

        answer = await self.anna.call("/user/search", nickname=f"{self.mark}boris")

        (user,) = answer.data["users"]
        self.assertEqual(boris.id, user["_id"])
        self.assertEqual(set(), {"phone", "balance"} & user.keys())

    async def test_edited(self) -> None:
        """A changed nickname is found by its new form, and a removed one is not found."""
        (boris,) = await self.people("Boris")

        await boris.call("/init/edit", user={"nickname": f"{self.mark}Rita"})
        renamed = await self.found("rita"), await self.found("boris")
        await boris.call("/init/edit", user={"location": "Perm"})
        still = await self.found("rita")
        await boris.call("/init/edit", user={"nickname": None})

        self.assertEqual(((["Rita"], []), ["Rita"], []), (renamed, still, await self.found("")))

    async def test_malformed(self) -> None:
        """A nickname of which nothing shows, one that is too long, and a page too deep are 400."""
        for body in (
            *({}, {"nickname": ""}, {"nickname": "\u200b "}, {"nickname": "a" * 65}, {"nickname": {"$gt": ""}}),
            *({"nickname": "a", "skip": skip} for skip in (-1, 1001, 10**9, "1")),
            *({"nickname": "a", "limit": limit} for limit in (0, -1, "1")),
        ):
            answer = await self.anna.call("/user/search", **body)

            self.assertEqual(400, answer.status, body)

    async def test_most(self) -> None:
        """A larger limit is cut to the maximum."""
        self.assertEqual(200, (await self.anna.call("/user/search", nickname="a", limit=10**6)).status)


class Off(ChatTestCase):
    async def test_off(self) -> None:
        """By default the search is off: 403, after the checks of shape and session."""
        anna = await self.a_person(nickname="Anna")

        answers = [
            await anna.call("/user/search", nickname="anna"),
            await anna.call("/user/search"),
            await call(self.daemon.http, "/user/search", {"session_key": "x", "nickname": "anna"}),
        ]

        self.assertEqual([403, 400, 440], [answer.status for answer in answers])
        self.assertEqual("search-off", answers[0].code)
