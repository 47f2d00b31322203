"""Blocks hold at every daemon from the answer on, and while they arrive nothing is half done (contract, section 6)."""

from typing import Any

from tests.support.chat import Person
from tests.support.client import Answer
from tests.support.two_daemons import JoinedDaemonsCase, TwoDaemonsCase
from tests.support.waiting import at_once


class Apart(TwoDaemonsCase):
    """Two daemons that share the database alone."""

    async def write(self, who: Person, to: Person) -> Answer:
        return await who.call("/user/sendMessage", message={"user": to.id, "text": "x"})

    async def test_at_once(self) -> None:
        """A block at one daemon is felt at the other by the next call, in both directions, and so is its end."""
        anna, boris = await self.people(2)
        # The heads of both are in the memory of both daemons.
        for person, other in ((anna, boris), (boris, anna)):
            for voice in (person, self.there(person)):
                self.assertEqual(200, (await self.write(voice, other)).status)

        for _ in range(3):
            await anna.call("/user/block", user=boris.id)
            found = [(await self.write(self.there(who), to)).status for who, to in ((boris, anna), (anna, boris))]
            self.assertEqual([403, 403], found)
            await self.there(anna).call("/user/unblock", user=boris.id)
            found = [(await self.write(who, to)).status for who, to in ((boris, anna), (anna, boris))]
            self.assertEqual([200, 200], found)

    async def test_gifts_in_flight(self) -> None:
        """Of gifts that are paid while the receiver blocks the giver each is given, or its coins are back."""
        price, gift = 0, ""
        givers = await self.people(8)
        (star,) = await self.people(1)
        for found in (await star.call("/gifts")).data["gifts"][:1]:
            price, gift = found["price"], found["_id"]
        for giver in givers:
            await giver.call("/user/free-coins", type="vk")
        before = [(await giver.shown())["balance"] for giver in givers]
        self.assertTrue(all(coins >= price for coins in before), (before, price))

        def deeds(giver: Person) -> list[Any]:
            return [
                self.there(giver).call("/gifts/send", gift=gift, user=star.id, text="x"),
                star.call("/user/block", user=giver.id),
            ]

        answers = await at_once([deed for giver in givers for deed in deeds(giver)])

        statuses = [answer.status for answer in answers]
        self.assertEqual({200}, set(statuses[1::2]))
        self.assertLessEqual(set(statuses[::2]), {200, 403})
        after = [(await giver.shown())["balance"] for giver in givers]
        paid = [price if status == 200 else 0 for status in statuses[::2]]
        self.assertEqual([coins - cost for coins, cost in zip(before, paid, strict=True)], after)
        received = (await star.call("/user/gifts", user=star.id)).data
        given = {giver.id for giver, status in zip(givers, statuses[::2], strict=True) if status == 200}
        self.assertEqual((len(given), given), (received["count"], {each["author"] for each in received["gifts"]}))


class Joined(JoinedDaemonsCase):
    """The same where a bus joins them, and both have sockets of both people."""

    async def test_at_once(self) -> None:
        """A block at one daemon is felt at the other by the next call, in both directions, and tells nobody."""
        anna, boris = await self.people(2)
        listeners = [await self.a_listener(person) for person in (anna, boris, self.there(anna), self.there(boris))]

        await anna.call("/user/block", user=boris.id)
        bodies = [(self.there(boris), anna), (self.there(anna), boris)]
        found = [
            (await who.call("/user/sendMessage", message={"user": to.id, "text": "x"})).status for who, to in bodies
        ]

        self.assertEqual([403, 403], found)
        await self.quiet(*listeners)
        blocks = (await self.there(anna).call("/user/blocks")).data["blocks"]
        self.assertEqual([boris.id], [block["user"] for block in blocks])
