"""Limits on SMS by phone, address, dial code and in all; countries; invitations; a failing gateway."""

import itertools
import json
import re

from twisted.internet.defer import Deferred

from tests.support.chat import Person, a_phone, sign_in
from tests.support.client import Answer, call
from tests.support.gateway import FakeGateway, with_status
from tests.support.wire import OwnDaemonCase, SettingsCase

PROXIES = '[http]\nproxies = ["127.0.0.0/8"]\n'
_addresses = (f"192.0.2.{n}" for n in itertools.count(1))
_foreign = itertools.count(1_000_000)


class SpendingCase(SettingsCase):
    async def reg(self, phone: str, address: str | None = None) -> Answer:
        return await call(
            self.daemon.http, "/init/reg", {"phone": phone}, {"X-Forwarded-For": address or next(_addresses)}
        )

    def sent(self, phone: str) -> list[str]:
        """The texts of the SMS to a phone."""
        lines = [json.loads(line) for line in (self.daemon.data / "sms-outbox.jsonl").read_text().splitlines()]
        return [line["text"] for line in lines if line["phone"] == phone]

    async def someone(self, address: str) -> Person:
        phone = a_phone()
        await self.reg(phone, address)
        return await sign_in(self.daemon, phone, re.findall(r"\d+", self.sent(phone)[-1])[0])

    async def invite(self, person: Person, phones: list[str], address: str) -> Answer:
        body = {"session_key": person.session_key, "phons": phones}
        return await call(self.daemon.http, "/init/invite", body, {"X-Forwarded-For": address})


class LimitTests(SpendingCase):
    settings = (
        PROXIES
        + '[sms]\ncountries = ["RU", "DE"]\n[limits]\nsms_per_phone = ["1/minute"]\nsms_per_address = ["3/hour"]\n'
    )

    async def test_phone(self) -> None:
        """A phone gets one SMS a minute, whoever requests it; a refused request changes no key."""
        phone = a_phone()

        answers = [await self.reg(phone) for _ in range(3)]

        self.assertEqual([201, 429, 429], [answer.status for answer in answers])
        self.assertIn(int((answers[1].headers.getRawHeaders("Retry-After") or [""])[0]), range(50, 61))
        self.assertEqual(['"sms-per-phone";q=1;w=60'], answers[1].headers.getRawHeaders("RateLimit-Policy"))
        texts = self.sent(phone)
        self.assertEqual(1, len(texts))
        await sign_in(self.daemon, phone, re.findall(r"\d+", texts[0])[0])

    async def test_address(self) -> None:
        """SMS are limited by the requesting address, to any phones; those that another limit refuses do not count."""
        address, phone = next(_addresses), a_phone()

        phones = [phone, phone, phone, a_phone(), a_phone(), a_phone()]
        statuses = [(await self.reg(phone, address)).status for phone in phones]

        self.assertEqual([201, 429, 429, 201, 201, 429], statuses)
        self.assertEqual(201, (await self.reg(phones[-1])).status)

    async def test_countries(self) -> None:
        """Phones of other countries get no SMS, also where they share a dial code."""
        kazakh, french = "77012345678", "33612345678"

        answers = [await self.reg(phone) for phone in (kazakh, french, "4915112345678", a_phone())]

        self.assertEqual([400, 400, 201, 201], [answer.status for answer in answers])
        self.assertEqual("country-not-served", answers[0].code)
        anna, friend = await self.someone(next(_addresses)), a_phone()
        invited = await self.invite(anna, [friend, kazakh], next(_addresses))
        self.assertEqual((400, "country-not-served"), (invited.status, invited.code))
        self.assertEqual([], self.sent(friend) + self.sent(kazakh) + self.sent(french))

    async def test_invitations(self) -> None:
        """Invitations count. Where they exceed the limit together, none is sent and none is counted."""
        address = next(_addresses)
        anna, friends = await self.someone(address), [a_phone() for _ in range(3)]

        too_many = await self.invite(anna, friends, address)
        none = [self.sent(friend) for friend in friends]
        two = await self.invite(anna, friends[:2], address)

        self.assertEqual((429, [[], [], []], 200), (too_many.status, none, two.status))
        self.assertEqual([1, 1, 0], [len(self.sent(friend)) for friend in friends])
        self.assertEqual(201, (await self.reg(friends[0])).status, "an invitation uses up no key's SMS")


class TotalTests(SpendingCase):
    settings = PROXIES + '[limits]\nsms_per_code = ["2/day"]\nsms_in_all = ["4/day"]\n'

    async def test_totals(self) -> None:
        """SMS a day are limited by dial code and in all."""
        foreign = [f"491512{next(_foreign)}" for _ in range(3)]

        phones = [a_phone(), a_phone(), a_phone(), foreign[0], foreign[1], foreign[2], "33612345678"]
        answers = [await self.reg(phone) for phone in phones]

        self.assertEqual([201, 201, 429, 201, 201, 429, 429], [answer.status for answer in answers])
        policies = [(answer.headers.getRawHeaders("RateLimit-Policy") or [""])[0] for answer in answers]
        self.assertEqual(['"sms-per-code";q=2;w=86400', '"sms-in-all";q=4;w=86400'], [policies[2], policies[6]])


class GatewayTests(OwnDaemonCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.gateway = FakeGateway()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.gateway.stop()))

    async def start_with(self, limits: str) -> None:
        template = '{"to": "{phone}", "text": "{text}"}'
        await self.start(f"[sms]\nsender = 'http'\nurl = '{self.gateway.address}'\nbody = '{template}'\n{limits}")

    async def reg(self, phone: str) -> Answer:
        return await call(self.daemon.http, "/init/reg", {"phone": phone})

    async def test_defaults(self) -> None:
        """With a gateway the default is one SMS a minute for a phone; an SMS that was certainly not sent does not
        count.
        """
        await self.start_with("")
        phone = a_phone()
        self.gateway.answer = with_status(503)

        statuses = [(await self.reg(phone)).status for _ in range(2)]
        self.gateway.answer = with_status(200)
        statuses += [(await self.reg(phone)).status for _ in range(2)]

        self.assertEqual([201, 200, 200, 429], statuses)
        self.assertEqual(3, len(self.gateway.sent))
        self.assertIn("not sent (retry)", self.daemon.log)

    async def test_invitations(self) -> None:
        """An invitation with an unknown outcome is not sent again; one that was certainly not sent may be."""
        await self.start_with("[limits]\nsms_per_phone = []\n")
        phone = a_phone()
        await self.reg(phone)
        key = re.findall(r"\d{6}", json.loads(self.gateway.sent[0].body)["text"])[0]
        anna, friend = await sign_in(self.daemon, phone, key), a_phone()

        asked = []
        for status in (503, 500, 200):
            self.gateway.answer = with_status(status)
            self.assertEqual(200, (await anna.call("/init/invite", phons=[friend])).status)
            asked.append(len(self.gateway.sent) - 1)

        self.assertEqual([1, 2, 2], asked)

    async def test_no_funds(self) -> None:
        """When funds run out it is logged, registration succeeds, and the gateway gets no further requests."""
        await self.start_with("")
        self.gateway.answer = with_status(402)

        statuses = [(await self.reg(a_phone())).status for _ in range(3)]

        self.assertEqual(([201] * 3, 1), (statuses, len(self.gateway.sent)))
        self.assertEqual(1, self.daemon.log.count("no funds left"))
