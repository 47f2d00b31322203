"""``justchat-admin audit``: what operators did, to whom and why."""

import getpass
from typing import Any

from tests.support.admin import AdminCase
from tests.support.chat import Person

NOBODY = "0" * 24


class Audit(AdminCase):
    async def deeds(self, whom: Person | str) -> list[tuple[str, Any]]:
        """What was done to an object, and why; the latest first."""
        id = whom if isinstance(whom, str) else whom.id
        lines = (await self.answer("audit", "list", "--whom", id))["audit"]
        return [(line["deed"], line["why"]) for line in lines]

    async def test_user(self) -> None:
        """What is done to a user is a line each, with the reason; the latest comes first."""
        anna = await self.a_person()
        await self.admin("users", "correct-balance", anna.id, "50", "--reason", "lost in a fire")
        await self.admin("users", "end-sessions", anna.phone)

        done = await self.deeds(anna)

        self.assertEqual([("end sessions", None), ("correct balance", "+50 coins: lost in a fire")], done)

    async def test_line(self) -> None:
        """A line says who did it and when; for people it is a row of a table."""
        anna = await self.a_person()
        await self.admin("users", "end-sessions", anna.id)

        (line,) = (await self.answer("audit", "list", "--whom", anna.phone))["audit"]
        shown = (await self.admin("audit", "list", "--limit", "1")).output

        self.assertEqual((anna.id, getpass.getuser()), (line["whom"], line["who"]))
        self.assertRegex(line["when"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertRegex(
            shown,
            rf"\AWHEN +WHO +DEED +WHOM +WHY +FROM\n{line['when']}  operator {line['who']}  end sessions  {anna.id}\n",
        )

    async def test_bare(self) -> None:
        """``audit`` alone lists the same."""
        anna = await self.a_person()
        await self.admin("users", "end-sessions", anna.id)

        bare, listed = await self.answer("audit"), await self.answer("audit", "list")

        self.assertEqual(listed, bare)
        self.assertEqual(anna.id, bare["audit"][0]["whom"])

    async def test_gifts(self) -> None:
        """So is what is done to the catalogue."""
        gift = (await self.a_gift("an audited gift"))["_id"]
        await self.admin("gifts", "edit", gift, "--price", "901")
        await self.admin("gifts", "withdraw", gift)

        self.assertEqual(["withdraw gift", "edit gift", "load gift"], [deed for deed, _ in await self.deeds(gift)])

    async def test_refused(self) -> None:
        """What is refused because its object does not exist is no deed."""
        for command in (("users", "end-sessions"), ("gifts", "withdraw"), ("complaints", "close", "--note", "x")):
            await self.admin(*command, NOBODY)

        self.assertEqual([], await self.deeds(NOBODY))

    async def test_unknown(self) -> None:
        """A phone that no user has is refused."""
        self.assert_refused(await self.admin("audit", "list", "--whom", "79990000000"), "no user has this phone")
