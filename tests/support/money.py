"""Users who pay and give."""

import hashlib
import hmac
from typing import Any

from tests.support.chat import ChatTestCase, Person
from tests.support.client import Answer


async def with_coins(who: Person, coins: int) -> Person:
    """The person, who has paid for coins in the original's way."""
    secret_key = (who.daemon.data / "payments-secret-key").read_text()
    secret = hashlib.md5(f"{secret_key}{coins}".encode()).hexdigest()
    answer = await who.call("/user/updateBalance", balance=coins, secret=secret)
    assert answer.status == 200, answer
    return who


class MoneyCase(ChatTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.boris = await self.a_person(), await self.a_person()
        self.secret_key = (self.daemon.data / "payments-secret-key").read_text()

    def md5(self, written: str) -> str:
        return hashlib.md5((self.secret_key + written).encode()).hexdigest()

    async def top_up(self, who: Person, coins: int) -> Answer:
        return await who.call("/user/updateBalance", balance=coins, secret=self.md5(str(coins)))

    async def pay(self, who: Person, payment_id: str, coins: int) -> Answer:
        secret = self.hmac(f"{payment_id}:{coins}:{who.id}")
        return await who.call("/user/updateBalance", balance=coins, payment_id=payment_id, secret=secret)

    def hmac(self, written: str) -> str:
        return hmac.new(self.secret_key.encode(), written.encode(), "sha256").hexdigest()

    async def balance(self, who: Person) -> int:
        balance: int = (await who.shown())["balance"]
        return balance

    async def a_gift(self) -> dict[str, Any]:
        """The cheapest gift of the catalogue."""
        gift: dict[str, Any] = (await self.anna.call("/gifts")).data["gifts"][0]
        return gift

    async def give(self, who: Person, gift: str, to: str, text: str = "for you") -> Answer:
        return await who.call("/gifts/send", gift=gift, user=to, text=text)
