"""``justchat-admin users``: people, their sessions and their coins."""

import json
import time
from datetime import timedelta
from typing import Any
from zipfile import ZipFile

from justchat.model.moment import iso, now
from tests.support.admin import AdminCase
from tests.support.chat import Person, a_phone, register, sign_in
from tests.support.client import call
from tests.support.waiting import assert_within, eventually

NOBODY = "0" * 24


class Showing(AdminCase):
    async def test_by_id(self) -> None:
        """A user is shown by their id, as they see themselves."""
        anna = await self.a_person(nickname="Anna")

        self.assertEqual(await anna.shown(), (await self.answer("users", "show", anna.id))["user"])

    async def test_by_phone(self) -> None:
        """A user is shown by their phone, however it is written."""
        anna = await self.a_person()

        for phone in (anna.phone, f"+{anna.phone}", f"8 {anna.phone[1:4]} {anna.phone[4:]}"):
            self.assertEqual(anna.id, (await self.answer("users", "show", phone))["user"]["_id"])

    async def test_sessions(self) -> None:
        """All of a user's sessions are shown."""
        anna = await self.a_person()
        await sign_in(self.daemon, anna.phone, anna.key)

        self.assertEqual(2, len((await self.answer("users", "show", anna.id))["sessions"]))

    async def test_text(self) -> None:
        """For people there are a line for each thing that is known, and two tables."""
        anna = await self.a_person(nickname="Anna")
        await self.admin("users", "correct-balance", anna.id, "50", "--reason", "lost in a fire")

        done = await self.admin("users", "show", anna.id)

        for line in (
            rf"user +{anna.id}",
            rf"phone +{anna.phone}",
            r"nickname +Anna",
            r"balance +50",
            r"SESSION +SINCE +LAST SEEN +UNTIL",
            r"[0-9a-f]{24} .* \+50 +correction +lost in a fire",
        ):
            self.assertRegex(done.output, rf"(?m)^{line}$")

    async def test_unknown(self) -> None:
        """An unknown id or phone is refused, and so is anything else."""
        for user in (NOBODY, "79990000000", "Anna"):
            self.assert_refused(await self.admin("users", "show", user))


class Listing(AdminCase):
    async def ids(self, *arguments: str) -> list[str]:
        return [user["_id"] for user in (await self.answer("users", *arguments))["users"]]

    async def test_list(self) -> None:
        """Users are listed, the latest first, page by page."""
        anna, boris = [await self.a_person(nickname=name) for name in ("Anna", "Boris")]

        listed = await self.ids("list")

        self.assertLess(listed.index(boris.id), listed.index(anna.id))
        place = listed.index(boris.id)
        if place == 0:  # no other test has made one meanwhile
            self.assertEqual(listed[1:2], await self.ids("list", "--skip", "1", "--limit", "1"))
        text = (await self.admin("users", "list", "--limit", "2")).output
        self.assertRegex(text, r"\AID +PHONE .*\n.*\n.*\n\(1 to 2; there may be more: --skip 2\)\n\Z")

    async def test_search(self) -> None:
        """Users are found by the beginning of their nickname or phone, and by their id, whole phone or app's id."""
        mark = a_phone()
        anna, boris = [await self.a_person(nickname=f"{name} {mark}") for name in ("Ännchen", "Boris")]
        await self.admin("users", "suspend", boris.id, "--reason", "spam")

        for text in (f"ännchen {mark}", "ÄNN", anna.id, anna.phone, f"+{anna.phone}", anna.phone[:-1]):
            self.assertIn(anna.id, await self.ids("search", text, "--limit", "1000"), text)
        for text in (f"chen {mark}", f"boris {mark}", boris.id, boris.phone):
            self.assertNotIn(anna.id, await self.ids("search", text), text)
        (found,) = (await self.answer("users", "search", boris.id))["users"]
        self.assertEqual("spam", found["suspension"]["reason"])
        nobody = await self.admin("users", "search", f"nobody {mark}")
        self.assertEqual((0, "There are no such users.\n"), (nobody.code, nobody.output))


class ChangingPhones(AdminCase):
    async def test_change(self) -> None:
        """The user signs in with the new phone, and is the same; their sessions are over, the old phone is free, and a
        key that it was sent opens nothing.
        """
        anna, phone = await self.a_person(nickname="Anna"), a_phone()
        socket = await self.a_listener(anna)

        done = await self.answer("users", "change-phone", anna.phone, f"+{phone}", "--reason", "lost the old one")

        self.assertEqual({"user": anna.id, "phone": phone, "ended": 1}, done)
        self.assertEqual(4440, await socket.closed())
        for old in (anna.phone, phone):
            answer = await call(self.daemon.http, "/init/auth", {"phone": old, "key": anna.key})
            self.assertNotEqual(200, answer.status, old)
        again = await sign_in(self.daemon, phone, await register(self.daemon, phone))
        self.assertEqual((anna.id, "Anna"), (again.id, (await again.shown())["nickname"]))
        other = await sign_in(self.daemon, anna.phone, await register(self.daemon, anna.phone))
        self.assertNotEqual(anna.id, other.id)
        (line,) = (await self.answer("audit", "list", "--whom", anna.id))["audit"]
        self.assertEqual(
            ("change phone", f"to a phone that ends with {phone[-2:]}: lost the old one"), (line["deed"], line["why"])
        )

    async def test_refused(self) -> None:
        """The phone of somebody else or the user's own, what is no phone, and nobody are refused, and are no deeds."""
        anna, boris = [await self.a_person() for _ in range(2)]
        change = ("users", "change-phone")

        self.assert_refused(await self.admin(*change, anna.id, boris.phone), boris.id, "has this phone")
        self.assert_refused(await self.admin(*change, anna.id, anna.phone), "already")
        self.assert_refused(await self.admin(*change, anna.id, "12"), "12")
        self.assert_refused(await self.admin(*change, NOBODY, a_phone()), "no user has this id")

        self.assertEqual([], (await self.answer("audit", "list", "--whom", anna.id))["audit"])
        self.assertEqual(200, (await anna.call("/init/getUser")).status)


class EndingSessions(AdminCase):
    async def test_calls(self) -> None:
        """Within ten seconds the running daemon answers 440 to every session of the user, though it knew them."""
        anna = await self.a_person()
        other = await sign_in(self.daemon, anna.phone, anna.key)
        for person in (anna, other):
            await person.shown()

        ended = await self.answer("users", "end-sessions", anna.id)

        self.assertEqual({"user": anna.id, "ended": 2}, ended)

        async def refused() -> bool:
            return {(await person.call("/init/getUser")).status for person in (anna, other)} == {440}

        await eventually(refused, "both sessions to be over")

    async def test_sockets(self) -> None:
        """Within ten seconds the sockets of these sessions are closed 4440, and no other's."""
        anna, boris = await self.a_person(), await self.a_person()
        sockets = [await self.a_listener(anna), await self.a_listener(anna, "/ws")]
        others = await self.a_listener(boris)

        await self.admin("users", "end-sessions", anna.phone)
        began = time.monotonic()  # the command itself takes seconds on a busy machine

        self.assertEqual([4440, 4440], [await socket.closed() for socket in sockets])
        assert_within(10, time.monotonic() - began)
        self.assertFalse(others.gone.called)

    async def test_signing_in_again(self) -> None:
        """The user may sign in again, and that session lives."""
        anna = await self.a_person()
        socket = await self.a_listener(anna)
        await self.admin("users", "end-sessions", anna.id)

        again = await sign_in(self.daemon, anna.phone, anna.key)

        await socket.closed()
        self.assertEqual(200, (await again.call("/init/getUser")).status)

    async def test_none(self) -> None:
        """Where there are no sessions none is ended, which is no error."""
        anna = await self.a_person()
        await anna.call("/init/exit")

        self.assertEqual(0, (await self.answer("users", "end-sessions", anna.id))["ended"])

    async def test_unknown(self) -> None:
        """A user that is not there is refused."""
        self.assert_refused(await self.admin("users", "end-sessions", NOBODY), "no user has this id")


class CorrectingBalances(AdminCase):
    async def correct(self, user: str, coins: str) -> Any:
        return await self.answer("users", "correct-balance", user, coins, "--reason", "a slip")

    async def test_felt(self) -> None:
        """A correction is in the user's balance at once, the daemon running."""
        anna = await self.a_person()

        corrected = await self.correct(anna.id, "70")

        self.assertEqual((70, 70), (corrected["balance"], (await anna.shown())["balance"]))

    async def test_ledger(self) -> None:
        """Every correction is an entry of the ledger, with its reason; the latest is shown first."""
        anna = await self.a_person()
        await self.correct(anna.id, "70")
        await self.correct(anna.id, "-30")

        ledger = (await self.answer("users", "show", anna.id))["ledger"]

        self.assertEqual(
            [(-30, "correction", "a slip"), (70, "correction", "a slip")],
            [(each["amount"], each["reason"], each["note"]) for each in ledger],
        )

    async def test_below_zero(self) -> None:
        """A correction that would take more than there is is refused, with the balance, and leaves no trace."""
        anna = await self.a_person()
        await self.correct(anna.id, "20")

        done = await self.admin("users", "correct-balance", anna.id, "-21", "--reason", "a slip")

        self.assert_refused(done, "below 0", "20")
        shown = await self.answer("users", "show", anna.id)
        self.assertEqual((20, 1), (shown["user"]["balance"], len(shown["ledger"])))

    async def test_unknown(self) -> None:
        """A user that is not there is refused."""
        done = await self.admin("users", "correct-balance", NOBODY, "5", "--reason", "x")

        self.assert_refused(done, "no user has this id")

    async def test_not_understood(self) -> None:
        """Coins that are no whole number but 0, and a correction without a reason, are not understood."""
        for arguments in (
            ("0", "--reason", "x"),
            ("1.5", "--reason", "x"),
            ("many", "--reason", "x"),
            ("10000000001", "--reason", "x"),
            ("5",),
            ("5", "--reason", ""),
        ):
            done = await self.admin("users", "correct-balance", NOBODY, *arguments)

            self.assertEqual((2, ""), (done.code, done.output), arguments)


class Suspending(AdminCase):
    async def sign_in(self, person: Person) -> Any:
        return await call(self.daemon.http, "/init/auth", {"phone": person.phone, "key": person.key})

    async def test_ends(self) -> None:
        """All sessions are over, their sockets closed 4403 within a second; nobody else's."""
        anna, boris = await self.a_person(), await self.a_person()
        sockets = [await self.a_listener(anna), await self.a_listener(anna, "/ws")]
        others = await self.a_listener(boris)

        ended = await self.answer("users", "suspend", anna.id, "--reason", "spam")
        began = time.monotonic()

        self.assertEqual({"user": anna.id, "until": None, "ended": 1}, ended)
        self.assertEqual([4403, 4403], [await socket.closed() for socket in sockets])
        assert_within(1, time.monotonic() - began)
        self.assertEqual(440, (await anna.call("/init/getUser")).status)
        self.assertFalse(others.gone.called)

    async def test_signing_in(self) -> None:
        """The right key is 403 with the end, a wrong one 401; after the end of the suspension the user signs in."""
        anna = await self.a_person()
        for until, shown in ((("--until", "2999-12-24T18:00Z"), "2999-12-24T18:00:00.000Z"), ((), None)):
            await self.admin("users", "suspend", anna.phone, *until, "--reason", "spam")

            answer = await self.sign_in(anna)

            self.assertEqual((403, "suspended", shown), (answer.status, answer.code, answer.json["until"]))
        wrong = await call(self.daemon.http, "/init/auth", {"phone": anna.phone, "key": "1"})
        self.assertEqual("wrong-key", wrong.code)
        sessions = (await self.answer("users", "show", anna.id))["sessions"]
        self.assertEqual([], sessions)

        await self.admin("users", "unsuspend", anna.id)

        self.assertEqual(200, (await self.sign_in(anna)).status)

    async def test_runs_out(self) -> None:
        """A suspension ends by itself."""
        anna = await self.a_person()
        soon = iso(now() + timedelta(seconds=8))
        suspended = await self.admin("users", "suspend", anna.id, "--until", soon, "--reason", "spam")

        async def signs_in() -> bool:
            answer = await self.sign_in(anna)
            self.assertIn(answer.status, (200, 403))
            return answer.status == 200

        if suspended.code == 0:  # else the machine was too slow
            await eventually(signs_in, "the end", patience=12)
            self.assertGreaterEqual(iso(now()), soon)

    async def test_audit(self) -> None:
        """Both deeds are in the audit log, and the user is shown with it."""
        anna = await self.a_person()
        await self.admin("users", "suspend", anna.id, "--until", "2999-01-01", "--reason", "spam")
        shown = await self.answer("users", "show", anna.id)
        await self.admin("users", "unsuspend", anna.id)

        lines = (await self.answer("audit", "list", "--whom", anna.id))["audit"]

        self.assertEqual(
            ("2999-01-01T00:00:00.000Z", "spam"), tuple(shown["suspension"][f] for f in ("until", "reason"))
        )
        self.assertEqual(
            [("unsuspend", None), ("suspend", "until 2999-01-01T00:00:00.000Z: spam")],
            [(line["deed"], line["why"]) for line in lines],
        )

    async def test_refused(self) -> None:
        """Nobody, a time in the past, and the end of no suspension are refused, and are no deeds."""
        anna = await self.a_person()
        reason = ("--reason", "x")

        self.assert_refused(await self.admin("users", "suspend", NOBODY, *reason), "no user has this id")
        self.assert_refused(
            await self.admin("users", "suspend", anna.id, "--until", "2020-01-01", *reason), "in the past"
        )
        self.assert_refused(await self.admin("users", "unsuspend", anna.id), "not suspended")

        self.assertEqual([], (await self.answer("audit", "list", "--whom", anna.id))["audit"])
        self.assertEqual(2, (await self.admin("users", "suspend", anna.id, "--until", "soon", *reason)).code)
        self.assertEqual(2, (await self.admin("users", "suspend", anna.id)).code)


class Exporting(AdminCase):
    async def test_export(self) -> None:
        """What belongs to a user is in a ZIP file for its owner alone, and that it was taken is in the audit log."""
        anna = await self.a_person(nickname="Anna")
        path = self.daemon.folder / f"{anna.id}.zip"

        done = await self.answer("users", "export", anna.id, str(path))

        with ZipFile(path) as archive:
            self.assertEqual("Anna", json.loads(archive.read("profile.json"))["nickname"])
        self.assertEqual((path.stat().st_size, 0o600), (done["size"], path.stat().st_mode & 0o777))
        self.assertEqual([], list(path.parent.glob("*.part")))
        (deed,) = (await self.answer("audit", "list", "--whom", anna.id))["audit"]
        self.assertEqual("export user", deed["deed"])

    async def test_refused(self) -> None:
        """A file that is there stays as it is; a folder that is not there is named."""
        anna = await self.a_person()
        path = self.daemon.folder / "there.zip"
        path.write_text("kept")

        there = await self.admin("users", "export", anna.id, str(path))
        self.assert_refused(await self.admin("users", "export", anna.id, str(path.parent / "none" / "x.zip")))

        self.assertEqual(2, there.code, there)
        self.assertEqual("kept", path.read_text())
