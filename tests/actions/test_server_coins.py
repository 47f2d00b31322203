"""``/server/coins/add``: once for each payment, into the ledger of all payments."""

import hashlib
import hmac
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from tests.support.admin import AdminCase
from tests.support.chat import Person
from tests.support.client import Answer
from tests.support.servers import an_app_server

ADD = "/server/coins/add"


class ServerCoins(AdminCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.server = await an_app_server(self.daemon)
        self.anna, self.boris = await self.a_person(), await self.a_person()

    async def add(self, coins: Any, payment_id: Any, who: Person | None = None, **more: Any) -> Answer:
        return await self.server.call(ADD, user=(who or self.anna).id, coins=coins, payment_id=payment_id, **more)

    async def test_once(self) -> None:
        """Again is 200, with the user as they are; the ledger and the audit log have it once, with the note."""
        payment = f"order {self.anna.id}"
        balances = [(await self.add(coins, payment, note="pack")).data["user"]["balance"] for coins in (200, 200.0)]

        self.assertEqual([200, 200], balances)
        (row,) = (await self.answer("users", "show", self.anna.id))["ledger"]
        self.assertEqual(("payment", 200, f"{payment}: pack"), (row["reason"], row["amount"], row["note"]))
        (line,) = (await self.answer("audit", "list", "--whom", self.anna.id))["audit"]
        self.assertEqual(("add coins", f"200 coins: {payment}: pack"), (line["deed"], line["why"]))

    async def test_at_once(self) -> None:
        """Calls for one payment at the same time add it once, and have one line in the audit log."""
        payment = f"order {self.anna.id}"

        answers = await gatherResults([Deferred.fromCoroutine(self.add(200, payment)) for _ in range(10)])

        self.assertEqual({(200, 200)}, {(each.status, each.data["user"]["balance"]) for each in answers})
        self.assertEqual(1, len((await self.answer("audit", "list", "--whom", self.anna.id))["audit"]))

    async def test_conflict(self) -> None:
        """The same payment for another user or sum is 409, and moves nothing."""
        payment = f"order {self.anna.id}"
        await self.add(200, payment)

        for answer in (await self.add(201, payment), await self.add(200, payment, self.boris)):
            self.assertEqual((409, "conflict"), (answer.status, answer.code))
        self.assertEqual([200, 0], [(await who.shown())["balance"] for who in (self.anna, self.boris)])

    async def test_same_as_signed(self) -> None:
        """A payment that the client has reported, signed, is not added again."""
        payment, secret = f"order {self.anna.id}", (self.daemon.data / "payments-secret-key").read_text().strip()
        signed = hmac.new(secret.encode(), f"{payment}:70:{self.anna.id}".encode(), hashlib.sha256).hexdigest()
        await self.anna.call("/user/updateBalance", balance=70, secret=signed, payment_id=payment)

        self.assertEqual(70, (await self.add(70, payment)).data["user"]["balance"])

    async def test_refused(self) -> None:
        """Coins are whole, positive and bounded; the payment has a name; the user exists."""
        for coins in (0, -5, 1.5, 10**9 + 1, "5", True, None):
            self.assertEqual(400, (await self.add(coins, "x")).status, coins)
        for payment_id in ("", " ", "x" * 129, {"$gt": ""}, None):
            self.assertEqual(400, (await self.add(5, payment_id)).status, payment_id)
        answer = await self.server.call(ADD, user="0" * 24, coins=5, payment_id="x")
        self.assertEqual((404, "user-not-found"), (answer.status, answer.code))
        self.assertEqual(0, (await self.anna.shown())["balance"])
