"""Coins and gifts: no effect twice, no balance below zero, both sides of a transfer or neither."""

from twisted.internet.defer import ensureDeferred, gatherResults

from tests.support.chat import a_room
from tests.support.client import call
from tests.support.money import MoneyCase


class TopUps(MoneyCase):
    async def test_signed(self) -> None:
        """A signed top-up adds its coins, and answers with the user."""
        answer = await self.top_up(self.anna, 200)
        again = await self.top_up(self.anna, 100)

        self.assertEqual((200, 200), (answer.status, answer.data["user"]["balance"]))
        self.assertEqual(300, again.data["user"]["balance"])

    async def test_as_javascript_prints(self) -> None:
        """A balance of 200.0 is signed as 200, as JavaScript prints it."""
        answer = await self.anna.call("/user/updateBalance", balance=200.0, secret=self.md5("200"))

        self.assertEqual(200, answer.status)

    async def test_wrong_signature(self) -> None:
        """A signature for another sum is 403, and adds nothing."""
        for secret in (self.md5("201"), self.md5("200")[:-1], "", "ы"):
            answer = await self.anna.call("/user/updateBalance", balance=200, secret=secret)

            self.assertEqual(403, answer.status)
        self.assertEqual(0, await self.balance(self.anna))

    async def test_not_coins(self) -> None:
        """An amount that is not a positive whole number is 400."""
        for balance in (0, -5, 1.5, "200", None, True, 10**30, {"$inc": 1}):
            answer = await self.anna.call("/user/updateBalance", balance=balance, secret=self.md5(str(balance)))

            self.assertEqual(400, answer.status, balance)

    async def test_payment_id_at_once(self) -> None:
        """A payment_id in six simultaneous calls, and in a later one, is one top-up."""
        paying = [ensureDeferred(self.pay(self.anna, f"order-{self.anna.id}", 70)) for _ in range(6)]
        answers = await gatherResults(paying)

        late = await self.pay(self.anna, f"order-{self.anna.id}", 70)

        self.assertEqual({200}, {answer.status for answer in [*answers, late]})
        self.assertEqual(70, await self.balance(self.anna))

    async def test_payment_id_of_another(self) -> None:
        """A payment_id that was redeemed for another user or sum is 409, and adds nothing."""
        await self.pay(self.anna, f"order-{self.anna.id}", 70)

        others = await self.pay(self.boris, f"order-{self.anna.id}", 70)
        more = await self.pay(self.anna, f"order-{self.anna.id}", 71)

        self.assertEqual([(409, "conflict")] * 2, [(answer.status, answer.code) for answer in (others, more)])
        self.assertEqual((70, 0), (await self.balance(self.anna), await self.balance(self.boris)))

    async def test_signed_for_one_user(self) -> None:
        """A signature is bound to its user: one for another user, or for none, is 403, even if it was never used."""
        for_anna = self.hmac(f"order-{self.anna.id}:70:{self.anna.id}")
        for_nobody = self.hmac(f"order-{self.anna.id}:70")

        for secret in (for_anna, for_nobody, self.md5("70")):
            answer = await self.boris.call(
                "/user/updateBalance", balance=70, payment_id=f"order-{self.anna.id}", secret=secret
            )

            self.assertEqual((403, "wrong-signature"), (answer.status, answer.code))
        self.assertEqual(0, await self.balance(self.boris))

    async def test_payment_id_with_colons(self) -> None:
        """A payment_id that looks like the signed text of another payment is a separate payment."""
        for payment_id, coins in ((f"{self.anna.id}:1", 5), (self.anna.id, 1), (f"{self.anna.id}:1:5", 7)):
            self.assertEqual(200, (await self.pay(self.anna, payment_id, coins)).status)

        self.assertEqual(13, await self.balance(self.anna))


class Unnumbered(MoneyCase):
    async def test_a_day(self) -> None:
        """Twenty top-ups a day may have no payment_id, even at once; one more is 429 and adds nothing."""
        paying = [ensureDeferred(self.top_up(self.anna, 3)) for _ in range(25)]
        answers = await gatherResults(paying)

        self.assertEqual([200] * 20 + [429] * 5, sorted(answer.status for answer in answers))
        (refused, *_) = [answer for answer in answers if answer.status == 429]
        self.assertEqual(['"unnumbered-top-ups";q=20;w=86400'], refused.headers.getRawHeaders("RateLimit-Policy"))
        self.assertEqual(60, await self.balance(self.anna))

    async def test_others(self) -> None:
        """Each user has their own twenty; wrong signatures use up none of them, and numbered ones need none."""
        for _ in range(21):
            await self.anna.call("/user/updateBalance", balance=3, secret=self.md5("4"))
        statuses = [(await self.top_up(self.anna, 3)).status for _ in range(21)]

        self.assertEqual([200] * 20 + [429], statuses)
        self.assertEqual(200, (await self.top_up(self.boris, 3)).status)
        self.assertEqual(200, (await self.pay(self.anna, f"late-{self.anna.id}", 3)).status)

    async def test_sent_again(self) -> None:
        """The same call under one Idempotency-Key counts once."""
        body = {"session_key": self.anna.session_key, "balance": 3, "secret": self.md5("3")}
        headers = {"Idempotency-Key": self.anna.id}
        again = [(await call(self.daemon.http, "/user/updateBalance", body, headers)).status for _ in range(25)]

        self.assertEqual([200] * 25, again)
        self.assertEqual([200] * 19 + [429], [(await self.top_up(self.anna, 3)).status for _ in range(20)])


class FreeCoins(MoneyCase):
    async def test_once_a_day_per_network(self) -> None:
        """Each network gives coins once in 24 hours, also to eight simultaneous calls."""
        for network in ("mailru", "vk", "facebook", "twitter"):
            taking = [ensureDeferred(self.anna.call("/user/free-coins", type=network)) for _ in range(8)]
            answers = await gatherResults(taking)

            self.assertEqual([200] + [400] * 7, sorted(answer.status for answer in answers))
        self.assertEqual(40, await self.balance(self.anna))

    async def test_unknown_network(self) -> None:
        """A network other than the four is 400."""
        self.assertEqual(400, (await self.anna.call("/user/free-coins", type="myspace")).status)


class Gifts(MoneyCase):
    async def test_catalogue(self) -> None:
        """The catalogue is not empty on a first start, and each gift has a name, a picture and a price."""
        gifts = (await self.anna.call("/gifts")).data["gifts"]

        self.assertTrue(gifts)
        for gift in gifts:
            self.assertEqual({"_id", "name", "image", "price", "create_at", "created_at"}, set(gift))
            self.assertGreater(gift["price"], 0)

    async def test_given(self) -> None:
        """A gift's price leaves the giver's balance, and the receiver has it, newest last."""
        gift = await self.a_gift()
        await self.top_up(self.anna, 1000)

        answer = await self.give(self.anna, gift["_id"], self.boris.id, "first")
        await self.give(self.anna, gift["_id"], self.boris.id, "second")

        self.assertEqual((200, {}), (answer.status, answer.json))
        self.assertEqual(1000 - 2 * gift["price"], await self.balance(self.anna))
        given = (await self.boris.shown())["gifts"]
        self.assertEqual(["first", "second"], [each["text"] for each in given])
        self.assertEqual(
            {"name": gift["name"], "image": gift["image"], "price": gift["price"], "author": self.anna.id},
            {key: given[0][key] for key in ("name", "image", "price", "author")},
        )

    async def test_event(self) -> None:
        """The receiver, and the room that they are in, get the event of a gift."""
        eve, other = await self.a_person(), await self.a_person()
        room = await a_room(eve, eve, self.boris)
        gift = await self.a_gift()
        await self.top_up(self.anna, 1000)
        receiver, roommate = await self.a_listener(self.boris), await self.a_listener(eve)
        await self.a_listener(self.anna)
        await self.a_listener(other)

        await self.give(self.anna, gift["_id"], self.boris.id, "<3")

        for event in await self.assert_received(receiver, roommate):
            data = event["data"]
            self.assertEqual("gift-message", event["event"])
            self.assertEqual(
                (None, room, self.boris.id, self.anna.id, gift, "<3"),
                tuple(data[key] for key in ("error", "room", "user", "author", "gift", "text")),
            )
            self.assertIn("created_at", data)

    async def test_event_outside(self) -> None:
        """A gift to a user who is in no room sends the event to them alone, with room null."""
        gift = await self.a_gift()
        await self.top_up(self.anna, 1000)
        listener = await self.a_listener(self.boris)

        await self.give(self.anna, gift["_id"], self.boris.id)

        (event,) = await self.assert_received(listener)
        self.assertEqual((None, 1), (event["data"]["room"], event["data"]["n"]))

    async def test_errors(self) -> None:
        """An unknown gift or user is 404, too few coins 402; nobody gets anything, and no coin moves."""
        gift = await self.a_gift()
        await self.top_up(self.anna, 1)
        for status, fields in (
            (404, {"gift": "0" * 24, "user": self.boris.id}),
            (404, {"gift": "none", "user": self.boris.id}),
            (404, {"gift": gift["_id"], "user": "0" * 24}),
            (402, {"gift": gift["_id"], "user": self.boris.id}),
            (400, {"gift": {"$ne": 1}, "user": self.boris.id}),
        ):
            answer = await self.anna.call("/gifts/send", text="x", **fields)

            self.assertEqual(status, answer.status, fields)
        self.assertEqual(1, await self.balance(self.anna))
        self.assertEqual([], (await self.boris.shown())["gifts"])

    async def test_ten_buyers(self) -> None:
        """Of ten gifts at once with coins for three, three are given and seven refused, and no coins are left."""
        gift = await self.a_gift()
        await self.top_up(self.anna, 3 * gift["price"])

        giving = [ensureDeferred(self.give(self.anna, gift["_id"], self.boris.id, f"{n}")) for n in range(10)]
        answers = await gatherResults(giving)

        self.assertEqual([200] * 3 + [402] * 7, sorted(answer.status for answer in answers))
        self.assertEqual(0, await self.balance(self.anna))
        self.assertEqual(3, len((await self.boris.shown())["gifts"]))
