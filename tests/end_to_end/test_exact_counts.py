"""What the contract counts exactly is exact over two daemons, also for calls made at both at once (section 9)."""

import hashlib
import hmac
import re
from collections import Counter
from typing import Any

from tests.support.chat import Person, a_phone, a_room, keyed, last_sms, register
from tests.support.client import Answer, call
from tests.support.two_daemons import TwoDaemonsCase
from tests.support.waiting import at_once

SECRET = "the secret key of both daemons, long enough"


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


class ExactCounts(TwoDaemonsCase):
    settings = f"""sms_per_phone = ["3/hour"]
[payments]
secret_key = "{SECRET}"
free_coins = 7
"""

    async def balance(self, person: Person) -> int:
        balance: int = (await self.there(person).shown())["balance"]
        self.assertEqual(balance, (await person.shown())["balance"])
        return balance

    def payment(self, person: Person, payment_id: str, coins: int) -> dict[str, Any]:
        written = f"{payment_id}:{coins}:{person.id}"
        secret = hmac.new(SECRET.encode(), written.encode(), "sha256").hexdigest()
        return {"balance": coins, "payment_id": payment_id, "secret": secret}

    async def a_rich_person(self, coins: int) -> Person:
        (person,) = await self.people(1)
        secret = hashlib.md5(f"{SECRET}{coins}".encode()).hexdigest()
        self.assertEqual(200, (await person.call("/user/updateBalance", balance=coins, secret=secret)).status)
        return person

    async def test_payment(self) -> None:
        """A payment that is reported to both at once, four times, counts once."""
        (anna,) = await self.people(1)

        answers = await self.at_both(anna, "/user/updateBalance", 2, **self.payment(anna, "p-1", 40))

        self.assertEqual({200: 4}, statuses(answers))
        self.assertEqual(40, await self.balance(anna))

    async def test_idempotency_key(self) -> None:
        """Calls with one Idempotency-Key at both at once are carried out once, and later get that answer at both."""
        boris = (await self.people(1))[0]
        anna = await self.a_rich_person(1000)
        gift = (await anna.call("/gifts")).data["gifts"][0]
        body = {"gift": gift["_id"], "user": boris.id, "text": "for you"}
        voices = [anna, self.there(anna)]

        answers = await at_once(keyed(voice, "one-gift", "/gifts/send", **body) for voice in voices * 2)
        later = await at_once(keyed(voice, "one-gift", "/gifts/send", **body) for voice in voices)

        self.assertLessEqual(set(statuses(answers)), {200, 409})
        self.assertEqual({200: 2}, statuses(later))
        self.assertEqual(1000 - gift["price"], await self.balance(anna))
        self.assertEqual(1, len((await boris.shown())["gifts"]))

    async def test_balance(self) -> None:
        """Gifts that are sent by both at once never take more than there is."""
        (boris,) = await self.people(1)
        gift = (await boris.call("/gifts")).data["gifts"][0]
        anna = await self.a_rich_person(3 * gift["price"])

        answers = await self.at_both(anna, "/gifts/send", 4, gift=gift["_id"], user=boris.id, text="for you")

        self.assertEqual({200: 3, 402: 5}, statuses(answers))
        self.assertEqual(0, await self.balance(anna))

    async def test_free_coins(self) -> None:
        """Free coins of one network are given once, though both are asked at once."""
        (anna,) = await self.people(1)

        answers = await self.at_both(anna, "/user/free-coins", 3, type="vk")

        self.assertEqual({200: 1, 400: 5}, statuses(answers))
        self.assertEqual(7, await self.balance(anna))

    async def test_sms(self) -> None:
        """Keys that are asked of both at once are sent as often as the limit says."""
        phone = a_phone()

        answers = await at_once(
            call(port, "/init/reg", {"phone": phone}) for port in (self.daemon.http, self.other.http) * 4
        )

        sent = sum(
            len(re.findall(phone, (daemon.data / "sms-outbox.jsonl").read_text()))
            for daemon in (self.daemon, self.other)
            if (daemon.data / "sms-outbox.jsonl").exists()
        )
        self.assertEqual(3, sent)
        self.assertEqual(5, statuses(answers)[429])

    async def test_invitation(self) -> None:
        """An invitation that both are asked for at once is sent once."""
        (anna,) = await self.people(1)
        phone = a_phone()

        answers = await self.at_both(anna, "/init/invite", phons=[phone])

        self.assertEqual({200: 2}, statuses(answers))
        outboxes = [daemon.data / "sms-outbox.jsonl" for daemon in (self.daemon, self.other)]
        self.assertEqual(1, sum(outbox.read_text().count(phone) for outbox in outboxes if outbox.exists()))

    async def test_wrong_keys(self) -> None:
        """Wrong keys at both count together: five of them, in turn, and the right one is refused at both."""
        phone = a_phone()
        key = await register(self.daemon, phone)
        ports = (self.daemon.http, self.other.http)

        for number in range(5):
            answer = await call(ports[number % 2], "/init/auth", {"phone": phone, "key": "1" + key})
            self.assertEqual(401, answer.status)

        right = await at_once(call(port, "/init/auth", {"phone": phone, "key": key}) for port in ports)
        self.assertEqual({401: 2}, statuses(right))

    async def test_direct_client_id(self) -> None:
        """A direct message with one client_id at both at once is one message."""
        anna, boris = await self.people(2)
        message = {"user": boris.id, "text": "once", "client_id": "an id"}

        answers = await self.at_both(anna, "/user/sendMessage", 3, message=message)

        self.assertEqual({200: 6}, statuses(answers))
        self.assertEqual(1, len({answer.data["message"][0]["_id"] for answer in answers}))
        shown = await self.there(boris).call("/user/messages")
        self.assertEqual(1, len(shown.data["messages"]))

    async def test_new_user(self) -> None:
        """A phone that registers at both at once is one user, who signs in with the key of the last SMS."""
        phone = a_phone()

        answers = await at_once(
            call(daemon.http, "/init/reg", {"phone": phone}) for daemon in (self.daemon, self.other)
        )

        self.assertEqual({201: 1, 200: 1}, statuses(answers))
        keys = [
            re.findall(r"\d+", last_sms(daemon, phone))[0]
            for daemon in (self.daemon, self.other)
            if (daemon.data / "sms-outbox.jsonl").exists()
        ]
        signed_in = [(await call(self.other.http, "/init/auth", {"phone": phone, "key": key})).status for key in keys]
        self.assertIn(200, signed_in)

    async def test_room_places(self) -> None:
        """Two who enter a room for one at both at once: one is inside."""
        admin, anna, boris = await self.people(3)
        room = await a_room(admin, max_users=1)

        answers = await at_once([anna.enter(room), self.there(boris).enter(room)])

        self.assertEqual({200: 1, 409: 1}, statuses(answers))
