"""Guessing keys and pumping SMS from many addresses: bounded in all, logged, and owners can still sign in."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Awaitable, Iterator

from twisted.internet.defer import Deferred

from tests.support import attack
from tests.support.bystanders import LARGE
from tests.support.chat import Person, a_phone, last_sms, register, sign_in
from tests.support.client import Answer, call
from tests.support.gateway import FakeGateway, provider
from tests.support.waiting import at_once, eventually
from tests.support.wire import OwnDaemonCase

MANY = 20 if LARGE else 1
HOME, ELSEWHERE = "198.51.100.7", "192.0.2.1"
PROXIES = '[http]\nproxies = ["127.0.0.0/8"]\n'


def v4() -> Iterator[str]:
    """Addresses in different /24 networks."""
    return (f"10.{n >> 8}.{n & 255}.1" for n in itertools.count(1))


def of_one_48() -> Iterator[str]:
    """Addresses of one /48 in different /64 networks."""
    return (f"2001:db8:7:{n:x}::1" for n in itertools.count(1))


class KeysCase(OwnDaemonCase):
    async def auth(self, phone: str, key: str, address: str, **more: object) -> Answer:
        body = {"phone": phone, "key": key, **more}
        return await call(self.daemon.http, "/init/auth", body, {"X-Forwarded-For": address})

    async def reg(self, phone: str, address: str, **more: object) -> Answer:
        return await call(self.daemon.http, "/init/reg", {"phone": phone, **more}, {"X-Forwarded-For": address})

    async def an_owner(self, home: str = HOME) -> tuple[str, str]:
        """The phone and key of a user who has signed in at home."""
        phone = a_phone()
        key = await register(self.daemon, phone)
        self.assertEqual(200, (await self.auth(phone, key, home)).status)
        return phone, key

    def sent(self, phone: str) -> list[str]:
        lines = (self.daemon.data / "sms-outbox.jsonl").read_text().splitlines()
        return [line for line in lines if f'"{phone}"' in line]


class Guessing(KeysCase):
    async def test_network(self) -> None:
        """The /64s of one /48 have one bound together, and so do the addresses of a /24."""
        bound = 6 * MANY
        await self.start(f'{PROXIES}[limits]\nwrong_keys_per_network = ["{bound}/hour"]\n')
        for addresses in (of_one_48(), (f"203.0.113.{n % 250}" for n in itertools.count(1))):
            answers = [await self.auth(a_phone(), "1", next(addresses)) for _ in range(bound + 3)]

            self.assertEqual([401] * bound + [429] * 3, [answer.status for answer in answers])
            policy = answers[-1].headers.getRawHeaders("RateLimit-Policy")
            self.assertEqual([f'"wrong-keys-per-network";q={bound};w=3600'], policy)
        self.assertEqual(401, (await self.auth(a_phone(), "1", ELSEWHERE)).status)

    async def test_in_all(self) -> None:
        """Wrong keys are limited in all, from any number of networks. At half of the limit there is an alarm; at the
        limit only owners at home may sign in.
        """
        bound = 10 * MANY
        await self.start(f'{PROXIES}[limits]\nwrong_keys_in_all = ["{bound}/day"]\nwrong_keys_per_phone = ["4/day"]\n')
        owner, key = await self.an_owner()
        addresses, answers = v4(), []
        for _ in range(bound // 2 + 1):
            new = a_phone()
            right = await register(self.daemon, new)
            answers += [(await self.auth(new, "1" + right, next(addresses))).status for _ in range(3)]

        self.assertEqual({401: bound, 429: len(answers) - bound}, dict(Counter(answers)))
        self.assertEqual(2, self.daemon.log.count("ALARM: [limits] wrong_keys_in_all"))
        self.assertEqual(429, (await self.auth(new, right, next(addresses))).status)
        self.assertEqual(429, (await self.auth(owner, key, ELSEWHERE)).status)
        self.assertEqual(200, (await self.auth(owner, key, HOME)).status)
        self.assertEqual(200, (await self.auth(owner, key, "198.51.100.200")).status, "the same /24")

    async def test_nobodys(self) -> None:
        """Wrong keys for unknown phones use up nobody's limit."""
        await self.start(f'{PROXIES}[limits]\nwrong_keys_in_all = ["5/day"]\n')
        addresses, phone = v4(), a_phone()

        self.assertEqual({401}, {(await self.auth(a_phone(), "1", next(addresses))).status for _ in range(12)})

        self.assertEqual(200, (await self.auth(phone, await register(self.daemon, phone), ELSEWHERE)).status)

    async def test_owner(self) -> None:
        """An attacker who guesses an owner's keys, and requests new ones, does not lock out the owner at home. The
        owner is informed once that a key was burnt.
        """
        await self.start(f'{PROXIES}[limits]\nwrong_keys_per_phone = ["12/day"]\nsms_per_phone = ["4/day"]\n')
        phone, _ = await self.an_owner()
        addresses, statuses = v4(), []
        for _ in range(5):
            statuses.append((await self.reg(phone, next(addresses))).status)
            statuses += [(await self.auth(phone, "12", next(addresses))).status for _ in range(5)]

        self.assertEqual((12, 4), (statuses.count(401), statuses.count(200)))
        self.assertEqual(429, (await self.reg(phone, next(addresses))).status)
        again = await self.reg(phone, HOME)
        key = re.findall(r"\d{6}", last_sms(self.daemon, phone))[0]
        self.assertEqual((200, 200), (again.status, (await self.auth(phone, key, HOME)).status))
        await eventually(lambda: "wrong keys" in "".join(self.sent(phone)), "the warning")
        self.assertEqual(1, "".join(self.sent(phone)).count("wrong keys"))

    async def test_at_once(self) -> None:
        """Of any number of tries at once five are checked; the right key after them is refused."""
        await self.start(PROXIES)
        addresses, phone = v4(), a_phone()
        key = await register(self.daemon, phone)

        answers = await at_once(self.auth(phone, f"{n}", next(addresses)) for n in range(10, 30))

        self.assertEqual({401}, {answer.status for answer in answers})
        self.assertEqual(401, (await self.auth(phone, key, next(addresses))).status)


class Pumping(KeysCase):
    async def test_one_48(self) -> None:
        """One /48 uses up its own limit, and not the country's: others sign up and invite."""
        bound = 8 * MANY
        await self.start(
            f'{PROXIES}[limits]\nsms_per_network = ["{bound}/day"]\nsms_per_code = ["{3 * bound}/day"]\n'
            f'sms_per_address = ["100/hour"]\n'
        )
        addresses = of_one_48()

        statuses = [(await self.reg(a_phone(), next(addresses))).status for _ in range(3 * bound + 5)]

        self.assertEqual([201] * bound + [429] * (2 * bound + 5), statuses)
        self.assertEqual(201, (await self.reg(a_phone(), ELSEWHERE)).status)

    async def test_country(self) -> None:
        """An attacker who uses up a country's SMS from everywhere keeps out new users. Known users still get a key,
        from anywhere. The log has the alarm.
        """
        bound = 10 * MANY
        await self.start(f'{PROXIES}[limits]\nsms_per_code = ["{bound}/day"]\nsms_in_all = ["{2 * bound}/day"]\n')
        phone, _ = await self.an_owner()
        addresses = v4()

        statuses = Counter([(await self.reg(a_phone(), next(addresses))).status for _ in range(bound + 5)])

        self.assertEqual({201: bound - 1, 429: 6}, dict(statuses))
        self.assertEqual([200, 200], [(await self.reg(phone, address)).status for address in (ELSEWHERE, HOME)])
        self.assertEqual(2, self.daemon.log.count("ALARM: [limits] sms_per_code"))

    async def test_owner_elsewhere(self) -> None:
        """An attacker in one network does not use up the SMS of an owner's hour: elsewhere the owner gets a key."""
        await self.start(f'{PROXIES}[limits]\nsms_per_phone = ["5/hour"]\n')
        phone, _ = await self.an_owner()

        attacker = [(await self.reg(phone, f"203.0.113.{n}")).status for n in range(1, 6)]
        owner = [(await self.reg(phone, ELSEWHERE)).status for _ in range(3)]

        self.assertEqual(([200] * 2 + [429] * 3, [200] * 2 + [429]), (attacker, owner))

    async def test_invitations(self) -> None:
        """Invitations of one phone are bounded, and use up none of its keys."""
        await self.start(f'{PROXIES}[limits]\nsms_per_phone = ["2/day"]\n')
        phone, _ = await self.an_owner()
        inviters: list[Person] = []
        for _ in range(4):
            other = a_phone()
            inviters.append(await sign_in(self.daemon, other, await register(self.daemon, other)))

        invited = [(await inviter.call("/init/invite", phons=[phone])).status for inviter in inviters]

        self.assertEqual([200, 200, 429, 429], invited)
        self.assertEqual([200, 429], [(await self.reg(phone, ELSEWHERE)).status for _ in range(2)])
        self.assertEqual(200, (await self.reg(phone, HOME)).status)


class WithCaptcha(KeysCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.provider = FakeGateway()
        self.provider.answer = provider
        self.addCleanup(lambda: Deferred.fromCoroutine(self.provider.stop()))

    async def test_breaker(self) -> None:
        """A captcha that is configured, but not always required, is required from half of a total limit on; not of
        owners at home.
        """
        captcha = f'[captcha]\nurl = "{self.provider.address}/"\nsecret = "the&secret"\n'
        await self.start(f'{PROXIES}{captcha}[limits]\nsms_in_all = ["12/day"]\nwrong_keys_in_all = ["8/day"]\n')
        owner, key = await self.an_owner()
        guessed, addresses, solved = a_phone(), v4(), "solved by anna+boris"
        right = await register(self.daemon, guessed)
        wrong = [(await self.auth(guessed, "1" + right, next(addresses))).status for _ in range(5)]

        self.assertEqual([401] * 4 + [403], wrong)
        self.assertEqual(403, (await self.auth(guessed, right, next(addresses), captcha="no")).status)
        self.assertEqual(200, (await self.auth(owner, key, HOME)).status)
        self.assertEqual(200, (await self.auth(guessed, right, next(addresses), captcha=solved)).status)

        signed_up = [(await self.reg(a_phone(), next(addresses))).status for _ in range(6)]
        self.assertEqual([201] * 4 + [403] * 2, signed_up)
        self.assertEqual(201, (await self.reg(a_phone(), next(addresses), captcha=solved)).status)
        self.assertEqual(200, (await self.reg(owner, HOME)).status)


class Flood(attack.AttackCase):
    """Each request is another network's."""

    settings = f'{PROXIES}[limits]\nsms_in_all = ["1000/day"]\n'

    def from_everywhere(self, path: str, bodies: Iterator[dict[str, object]]) -> Awaitable[int]:
        addresses = v4()

        def said(*_: int) -> bytes:
            return attack.post(path, json.dumps(next(bodies)).encode(), f"X-Forwarded-For: {next(addresses)}")

        return attack.flood(self.daemon.http, 24 if LARGE else 3, said, pause=0.02 if LARGE else 0.1)

    async def test_keys(self) -> None:
        """During wrong keys, owners at home sign in nearly as fast as before; none is 503, and no message waits."""
        phones = [a_phone() for _ in range(5)]
        for phone in phones:
            await register(self.daemon, phone)
        bodies: Iterator[dict[str, object]] = ({"phone": phone, "key": "1"} for phone in itertools.cycle(phones))

        await self.assert_unharmed("keys, many networks", lambda: self.from_everywhere("/init/auth", bodies))

    async def test_sms(self) -> None:
        """The same during sign-ups of ever new phones."""
        bodies: Iterator[dict[str, object]] = ({"phone": a_phone()} for _ in itertools.count())

        await self.assert_unharmed("SMS, many networks", lambda: self.from_everywhere("/init/reg", bodies))


class Countries(OwnDaemonCase):
    async def test_default(self) -> None:
        """Where SMS cost money they go to phones of the region alone, unless the settings name others."""
        gateway = FakeGateway()
        self.addCleanup(lambda: Deferred.fromCoroutine(gateway.stop()))
        sms = f"[sms]\nsender = 'http'\nurl = '{gateway.address}'\nbody = '{{phone}} {{text}}'\n"
        for countries, statuses in (("", [201, 400, 400]), ("countries = []\n", [201, 201, 201])):
            await self.start(sms + countries)
            phones = (a_phone(), "77012345678", "33612345678")
            answers = [await call(self.daemon.http, "/init/reg", {"phone": phone}) for phone in phones]
            self.assertEqual(statuses, [answer.status for answer in answers])
            await self.daemon.stop()
