"""Phones as people write and paste them, and which phones may get an SMS."""

import json
from pathlib import Path

from tests.support.chat import ChatTestCase, a_phone, register
from tests.support.client import Answer, call
from tests.support.wire import SettingsCase

NOT_REACHED = {
    "premium rate": "+44 909 879 0123",
    "Russian premium rate": "8 809 505-12-34",
    "shared cost": "+49 180 1 2345",
    "toll-free": "8 800 555-35-35",
    "personal": "+44 70 1234 5678",
    "VoIP": "+44 56 1234 5678",
    "fixed line": "+380 44 279 02 00",
    "Inmarsat": "+870 301 234 567",
    "Iridium": "+881 6 123 45678",
    "a network of no country": "+882 34 21234",
    "another": "+883 510 012 345",
    "premium rate of no country": "+979 1 2345 6789",
    "possible, and not given out": "+7 000 123 45 67",
    "possible in America": "+1 201 155 0123",
    "a country code alone": "+888",
}
REFUSED = {
    "00": "0044 7400 123456",
    "011": "011 44 7400 123456",
    "0011": "0011447400123456",
    "810 in Japan's": "+810 44 7400 123456",
    "two pluses": "++79223438450",
    "an extension": "tel:+79223438450;ext=12",
    "a context without a number": "tel:9223438450;phone-context=example.com",
    "NUL": "7922\0003438450",
    "letters": "8-922-FLOWERS",
    "circled digits": "①②③④⑤⑥⑦⑧⑨⑩①",
}


def sent(data: Path) -> list[str]:
    """The phones that an SMS was sent to."""
    return [json.loads(line)["phone"] for line in (data / "sms-outbox.jsonl").read_text().splitlines()]


class Phones(ChatTestCase):
    async def reg(self, phone: str) -> Answer:
        return await call(self.daemon.http, "/init/reg", {"phone": phone})

    async def test_pasted(self) -> None:
        """A phone is recognized with any marks that are pasted or typed with it: signing up finds the first account."""
        phone = a_phone()
        key = await register(self.daemon, phone)
        groups = f"{phone[1:4]} {phone[4:7]} {phone[7:9]} {phone[9:]}"

        for written in (
            *(f"\u202a+7 {groups}\u202c", f"\u200e8 {groups}\u200f", f"\ufeff+7\u2060{groups}\u200b", f"8/{groups}"),
            *(f"+7\u202f{groups}".replace(" ", "\u00a0"), f"tel:+7-{groups.replace(' ', '-')}", f"8~{groups}"),
            *(phone.translate({48 + digit: zero + digit for digit in range(10)}) for zero in (0x660, 0x6F0, 0xFF10)),
        ):
            answer = await call(self.daemon.http, "/init/auth", {"phone": written, "key": key})

            self.assertEqual(200, answer.status, ascii(written))
            self.assertEqual(phone, answer.data["user"]["phone"])

    async def test_not_reached(self) -> None:
        """A number that is not a mobile is 400 with the field's name; nothing is sent, also to the others of an
        invitation.
        """
        anna, friend = await self.a_person(), a_phone()

        for what, phone in NOT_REACHED.items():
            answers = await self.reg(phone), await anna.call("/init/invite", phons=[friend, phone])

            self.assertEqual([400, 400], [answer.status for answer in answers], what)
            fields = [answer.json["fields"][0]["field"] for answer in answers]
            self.assertEqual("phone", fields[0], what)
            self.assertTrue(fields[1].startswith("phons.1"), (what, fields))
        written = {"".join(filter(str.isdigit, phone)) for phone in NOT_REACHED.values()}
        self.assertEqual(set(), {friend, *written} & set(sent(self.daemon.data)))

    async def test_refused(self) -> None:
        """A number in no notation of the region is 400 in every call, and never another country's number."""
        before = sent(self.daemon.data)

        for what, phone in REFUSED.items():
            answers = await self.reg(phone), await call(self.daemon.http, "/init/auth", {"phone": phone, "key": "1"})

            self.assertEqual([400, 400], [answer.status for answer in answers], what)
        self.assertEqual(before, sent(self.daemon.data))

    async def test_owners(self) -> None:
        """A user whose number may not get SMS any more may still sign in."""
        answer = await call(self.daemon.http, "/init/auth", {"phone": "+380 44 279 02 00", "key": "123456"})

        self.assertEqual((401, "wrong-key"), (answer.status, answer.code))


class Settings(SettingsCase):
    settings = '[sms]\nregion = "DE"\nnumber_types = ["mobile", "fixed-line", "unknown"]\n'

    async def reg(self, phone: str) -> int:
        return (await call(self.daemon.http, "/init/reg", {"phone": phone})).status

    async def test_region(self) -> None:
        """Without a plus a phone is read as dialled in the configured region, with that region's prefixes only."""
        statuses = [await self.reg(phone) for phone in ("0151 12345670", "0044 7400 123456", "011 44 7400 123457")]

        self.assertEqual([201, 201, 400], statuses)
        self.assertEqual(["4915112345670", "447400123456"], sent(self.daemon.data)[-2:])

    async def test_types(self) -> None:
        """The settings say which types are sent SMS."""
        phones = ("+49 30 123456", "+7 000 123 45 67", "+1 201 555 0123", "+49 900 1 234567")

        self.assertEqual([201, 201, 400, 400], [await self.reg(phone) for phone in phones])
