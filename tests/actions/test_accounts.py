"""Signing up, keys, and signing in."""

import re

from tests.support.chat import ChatTestCase, a_person, a_phone, last_sms, register, sign_in
from tests.support.client import Answer, call
from tests.support.waiting import at_once
from tests.support.wire import PHOTO, TIME, USER_FIELDS, OwnDaemonCase

PROFILE = {"nickname": "Анна", "location": "Пермь", "photo": PHOTO, "dob": "1990-02-08", "gender": 0}
IMPOSSIBLE = [
    *("", " ", "abc", "12", "+7 922", "9" * 30, "+999 123456789", "79223438450; drop", "7922343845x", "+"),
    *(0, 12, 10**30, 1.5, True, False, None, [], ["79223438450"], {}, {"$gt": ""}),
]


def wrong(key: str) -> str:
    """A key that differs from this one and from those that follow it."""
    return "1" + key


class AccountCase(ChatTestCase):
    async def reg(self, phone: object, **profile: object) -> Answer:
        return await call(self.daemon.http, "/init/reg", {"phone": phone, **profile})

    async def auth(self, phone: object, key: object) -> Answer:
        return await call(self.daemon.http, "/init/auth", {"phone": phone, "key": key})


class Registration(AccountCase):
    async def test_new_and_again(self) -> None:
        """A new phone is 201, a known one 200; both answers are empty."""
        phone = a_phone()

        answers = [await self.reg(phone) for _ in range(3)]

        self.assertEqual([(201, {}), (200, {}), (200, {})], [(answer.status, answer.json) for answer in answers])

    async def test_key(self) -> None:
        """The key comes by SMS: six digits, the first never 0."""
        phone = a_phone()

        for _ in range(12):
            await self.reg(phone)

            digits = re.findall(r"\d+", last_sms(self.daemon, phone))
            self.assertEqual(1, len(digits))
            self.assertRegex(digits[0], r"\A[1-9][0-9]{5}\Z")

    async def test_new_key(self) -> None:
        """A new key is made each time; the old one stops working."""
        phone = a_phone()
        old = await register(self.daemon, phone)

        new = await register(self.daemon, phone)

        self.assertNotEqual(old, new)
        self.assertEqual([401, 200], [(await self.auth(phone, key)).status for key in (old, new)])

    async def test_sessions_stay(self) -> None:
        """A new key ends no session, since anybody may ask for one."""
        anna = await self.a_person()

        await self.reg(anna.phone)

        self.assertEqual(200, (await anna.call("/init/getUser")).status)

    async def test_profile(self) -> None:
        """The other fields of a first registration are kept."""
        phone = a_phone()

        anna = await sign_in(self.daemon, phone, await register(self.daemon, phone, **PROFILE))

        shown = await anna.shown()
        self.assertEqual(PROFILE, {field: shown[field] for field in PROFILE})

    async def test_profile_on_repeat(self) -> None:
        """On a repeat the other fields are ignored."""
        phone = a_phone()
        await register(self.daemon, phone, **PROFILE)

        key = await register(self.daemon, phone, nickname="Eve", location=None, gender=1)

        shown = await (await sign_in(self.daemon, phone, key)).shown()
        self.assertEqual(PROFILE, {field: shown[field] for field in PROFILE})

    async def test_privileges(self) -> None:
        """Nobody registers with coins, rooms or an id of their choice."""
        chosen = {"_id": "0" * 24, "balance": 1000, "rooms": ["0" * 24], "gifts": [{}], "create_at": "1990", "key": "1"}

        anna = await self.a_person(**chosen)

        shown = await anna.shown()
        self.assertEqual((0, [], []), (shown["balance"], shown["rooms"], shown["gifts"]))
        self.assertNotEqual(chosen["_id"], anna.id)
        self.assertNotEqual("1990", shown["create_at"])

    async def test_wrong_profile(self) -> None:
        """A registration with a wrong field is 400 and creates no user."""
        phone = a_phone()

        answers = [await self.reg(phone, **more) for more in ({"gender": 2}, {"dob": "2001-02-29"}, {"nickname": 5})]

        self.assertEqual([400, 400, 400], [answer.status for answer in answers])
        self.assertEqual(201, (await self.reg(phone)).status)

    async def test_at_once(self) -> None:
        """Of eight simultaneous registrations of one phone one is 201 and seven are 200; there is one user."""
        phone = a_phone()

        answers = await at_once(self.reg(phone) for _ in range(8))

        self.assertEqual([200] * 7 + [201], sorted(answer.status for answer in answers))
        people = [await sign_in(self.daemon, phone, await register(self.daemon, phone)) for _ in range(2)]
        self.assertEqual(people[0].id, people[1].id)


class Phones(AccountCase):
    async def test_notations(self) -> None:
        """A phone is the same in every notation, and shown in E.164 digits without a plus."""
        phone = a_phone()
        key = await register(self.daemon, phone)
        ten, area, rest = phone[1:], phone[1:4], phone[4:]

        for written in (
            *(f"8{ten}", f"+7{ten}", f"7{ten}", int(f"7{ten}"), int(f"8{ten}"), f"+7 {area} {rest}"),
            *(
                f"8 {area} {rest[:3]}-{rest[3:5]}-{rest[5:]}",
                f"8 ({area}) {rest[:3]} {rest[3:]}",
                f" +7-{area}-{rest} ",
            ),
            *(f"+7({area}){rest}", f"8\u00a0{area}\u00a0{rest}"),
        ):
            answer = await self.auth(written, key)

            self.assertEqual(200, answer.status, written)
            self.assertEqual(phone, answer.data["user"]["phone"])

    async def test_registered_in_another(self) -> None:
        """A phone registered in one notation is known in the others."""
        phone = a_phone()

        answers = [await self.reg(written) for written in (f"8 {phone[1:]}", f"+{phone}", int(phone))]

        self.assertEqual([201, 200, 200], [answer.status for answer in answers])

    async def test_foreign(self) -> None:
        """A phone of another country is taken with its plus, and is not confused with one of ours."""
        anna = await self.a_person()
        foreign = f"+49 1512 {anna.phone[-7:]}"

        key = await register(self.daemon, f"491512{anna.phone[-7:]}")

        self.assertEqual(f"491512{anna.phone[-7:]}", (await self.auth(foreign, key)).data["user"]["phone"])

    async def test_impossible(self) -> None:
        """An impossible phone is 400, at registration and at sign-in."""
        for phone in IMPOSSIBLE:
            self.assertEqual(400, (await self.reg(phone)).status, phone)
            self.assertEqual(400, (await self.auth(phone, "1")).status, phone)

    async def test_negative(self) -> None:
        """A negative number is not a phone: 400."""
        self.assertEqual(400, (await self.reg(-int(a_phone()))).status)


class SigningIn(AccountCase):
    async def test_answer(self) -> None:
        """Signing in returns a session key and the whole user with their balance, without any secret."""
        phone = a_phone()
        key = await register(self.daemon, phone)

        answer = await self.auth(phone, key)

        self.assertEqual(200, answer.status)
        self.assertEqual({"session_key", "user"}, set(answer.data))
        user = answer.data["user"]
        self.assertEqual(USER_FIELDS, set(user))
        self.assertEqual(
            (phone, None, [], [], [], 0),
            tuple(user[name] for name in ("phone", "room", "rooms", "visitedRooms", "gifts", "balance")),
        )
        self.assertRegex(user["create_at"], TIME)
        self.assertRegex(user["_id"], r"\A[0-9a-f]{24}\Z")

    async def test_number(self) -> None:
        """The key may be sent as a string or as a number."""
        phone = a_phone()
        key = await register(self.daemon, phone)

        self.assertEqual([200, 200], [(await self.auth(phone, form)).status for form in (key, int(key))])

    async def test_wrong_key(self) -> None:
        """A wrong key and an unknown phone are both 401 with the same answer."""
        phone = a_phone()
        key = await register(self.daemon, phone)

        answers = [await self.auth(phone, wrong(key)), await self.auth(a_phone(), key)]

        self.assertEqual([401, 401], [answer.status for answer in answers])
        self.assertEqual(answers[0].json, answers[1].json)

    async def test_malformed_key(self) -> None:
        """A key that is missing, or neither a string nor a whole number, is 400."""
        phone = a_phone()
        await register(self.daemon, phone)

        for key in (None, True, 1.5, [], {}, {"$gt": ""}, {"$ne": 1}):
            self.assertEqual(400, (await self.auth(phone, key)).status, key)
        self.assertEqual(400, (await call(self.daemon.http, "/init/auth", {"phone": phone})).status)

    async def test_five_tries(self) -> None:
        """After five wrong attempts even the right key is 401, until a new one is requested."""
        phone = a_phone()
        key = await register(self.daemon, phone)

        for _ in range(5):
            await self.auth(phone, wrong(key))

        self.assertEqual(401, (await self.auth(phone, key)).status)
        self.assertEqual(200, (await self.auth(phone, await register(self.daemon, phone))).status)

    async def test_tries_at_once(self) -> None:
        """Simultaneous attempts are counted."""
        phone = a_phone()
        key = await register(self.daemon, phone)

        await at_once(self.auth(phone, wrong(key)) for _ in range(8))

        self.assertEqual(401, (await self.auth(phone, key)).status)

    async def test_four_tries(self) -> None:
        """The right key is accepted after four wrong attempts, and resets their count."""
        phone = a_phone()
        key = await register(self.daemon, phone)

        for _ in range(2):
            for _ in range(4):
                await self.auth(phone, wrong(key))

            self.assertEqual(200, (await self.auth(phone, key)).status)

    async def test_several_sessions(self) -> None:
        """A user may have several sessions; ending one leaves the others."""
        anna = await self.a_person()
        others = [await sign_in(self.daemon, anna.phone, anna.key) for _ in range(2)]

        await others[0].call("/init/exit")

        statuses = [(await person.call("/init/getUser")).status for person in (anna, *others)]
        self.assertEqual([200, 440, 200], statuses)

    async def test_session_key(self) -> None:
        """Session keys differ and have at least 128 bits."""
        anna = await self.a_person()

        keys = {(await sign_in(self.daemon, anna.phone, anna.key)).session_key for _ in range(5)}

        self.assertEqual(5, len(keys))
        self.assertGreaterEqual(min(map(len, keys)), 22)


class Exit(ChatTestCase):
    async def test_exit(self) -> None:
        """Exit is 200 with empty data, also with an ended and with an unknown key."""
        anna = await self.a_person()

        answers = [await anna.call("/init/exit"), await anna.call("/init/exit")]
        answers.append(await call(self.daemon.http, "/init/exit", {"session_key": "nobody's"}))

        self.assertEqual([(200, {})] * 3, [(answer.status, answer.json) for answer in answers])

    async def test_no_key(self) -> None:
        """Exit without a key is 440."""
        answers = [await call(self.daemon.http, "/init/exit", body) for body in ({}, {"session_key": None})]

        self.assertEqual([440, 440], [answer.status for answer in answers])


class ConfiguredSms(OwnDaemonCase):
    async def test_key_digits(self) -> None:
        """The operator chooses how many digits a key has."""
        await self.start("[sms]\nkey_digits = 9")

        anna = await a_person(self.daemon)

        self.assertRegex(anna.key, r"\A[1-9][0-9]{8}\Z")

    async def test_sms_fails(self) -> None:
        """Registration succeeds even if the SMS cannot be sent, which is logged; a later key arrives."""
        await self.start("")
        outbox, phone = self.daemon.data / "sms-outbox.jsonl", a_phone()
        outbox.mkdir()

        answer = await call(self.daemon.http, "/init/reg", {"phone": phone, "nickname": "Anna"})

        self.assertEqual((201, {}), (answer.status, answer.json))
        self.assertIn("not sent", self.daemon.log)
        outbox.rmdir()
        again = await call(self.daemon.http, "/init/reg", {"phone": phone})
        self.assertEqual(200, again.status)
        key = re.findall(r"\d+", last_sms(self.daemon, phone))[0]
        self.assertEqual("Anna", (await (await sign_in(self.daemon, phone, key)).shown())["nickname"])
