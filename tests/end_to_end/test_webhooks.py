"""Webhooks, as an app's own server receives them."""

from twisted.web.http import Request
from twisted.web.server import NOT_DONE_YET

from justchat.actions.webhook_sending import AT_ONCE
from tests.support.admin import run
from tests.support.chat import Person, a_person, a_room
from tests.support.client import Answer
from tests.support.gateway import never, with_status
from tests.support.money import with_coins
from tests.support.waiting import at_once, eventually
from tests.support.webhooks import WebhooksCase
from tests.support.words import word_list_settings


def hang_up(request: Request) -> int:
    """Close the connection instead of an answer."""
    request.channel.transport.abortConnection()
    return NOT_DONE_YET


class Types(WebhooksCase):
    async def test_each(self) -> None:
        """Each type comes with the documents that clients see, verified by the reference library."""
        daemon = await self.a_daemon("[accounts]\ndeletion_grace = 0\n" + self.receiver.settings())
        hooks = self.receiver
        anna, boris = await a_person(daemon, nickname="Anna"), await a_person(daemon)

        user = await hooks.next_of("user.new", _id=anna.id)
        self.assertEqual(("Anna", anna.phone, 0), (user.data["nickname"], user.data["phone"], user.data["balance"]))
        room = await a_room(anna, anna, boris, name="kitchen")
        self.assertEqual("kitchen", (await hooks.next_of("room.new", _id=room)).data["name"])
        said = (await anna.say(room, "hello")).data["message"]
        self.assertEqual(said, (await hooks.next_of("message.new", _id=said["_id"])).data)
        [direct] = (await anna.call("/user/sendMessage", message={"user": boris.id, "text": "hi"})).data["message"]
        self.assertEqual(direct, (await hooks.next_of("direct.new", _id=direct["_id"])).data)
        await boris.call("/complaints/new", message=said["_id"], text="rude")
        complaint = await hooks.next_of("complaint.new", author=boris.id)
        self.assertEqual(("rude", "hello"), (complaint.data["text"], complaint.data["message"]["text"]))
        await with_coins(anna, 500)
        balance = (await hooks.next_of("balance.changed", user=anna.id)).data
        self.assertEqual((500, "payment", 500), (balance["amount"], balance["reason"], balance["balance"]))
        gift = (await anna.call("/gifts")).data["gifts"][0]
        await anna.call("/gifts/send", gift=gift["_id"], user=boris.id, text="for you")
        given = (await hooks.next_of("gift.sent", user=boris.id)).data
        self.assertEqual((gift["name"], "for you", anna.id), (given["name"], given["text"], given["author"]))
        await hooks.next_of("balance.changed", user=anna.id, reason="gift", amount=-gift["price"])
        await anna.call("/room/remove-message", message=said["_id"])
        removed = (await hooks.next_of("message.removed", _id=said["_id"])).data
        self.assertEqual((room, None, anna.id), (removed["room"], removed["text"], removed["removed_by"]))
        self.assertEqual(200, (await anna.call("/room/remove", room={"id": room})).status)
        self.assertEqual("kitchen", (await hooks.next_of("room.removed", _id=room)).data["name"])
        await eventually(lambda: not self.database.rooms.find_one({}), "the removed room to go", 40)
        await boris.call("/user/delete", key=boris.key)
        await hooks.next_of("user.deleted", _id=boris.id, external_id=None)
        await self.nothing_waits()
        for collection in ("log", "users", "rooms", "complaints", "ledger"):
            self.assertIsNone(self.database[collection].find_one({"hook": {"$exists": True}}))

    async def test_held(self) -> None:
        """A held message comes when it is let go, and one that is dropped never."""
        daemon = await self.a_daemon(word_list_settings("hold") + self.receiver.settings("message.new", "direct.new"))
        anna, boris = await a_person(daemon), await a_person(daemon)
        room = await a_room(anna, anna)
        [released, dropped] = await self.say(anna, room, "one badword", "another badword")
        [direct] = (await anna.call("/user/sendMessage", message={"user": boris.id, "text": "badword"})).data["message"]
        await self.say(anna, room, "fine")
        self.assertEqual(["fine"], await self.receiver.texts(room, 1))

        for decision, id in (("release", released), ("drop", dropped), ("release", direct["_id"])):
            self.assertEqual(0, (await run("--mongo", self.uri, "words", decision, id)).code)

        self.assertEqual(["fine", "one badword"], await self.receiver.texts(room, 2))
        await self.receiver.next_of("direct.new", _id=direct["_id"])
        await self.nothing_waits()
        self.assertNotIn("held", self.receiver.of("message.new", _id=released)[0].data)
        self.assertEqual([], self.receiver.of("message.new", _id=dropped))

    async def test_only_wanted(self) -> None:
        """Types that nobody wants leave no mark, and a webhook gets its own types alone."""
        daemon = await self.a_daemon(self.receiver.settings("room.new"))
        anna = await a_person(daemon)

        room = await a_room(anna, anna)
        await self.say(anna, room, "hello")

        await self.receiver.next_of("room.new", _id=room)
        await self.nothing_waits()
        self.assertEqual(["room.new"], [hook.type for hook in self.receiver.tried])
        self.assertIsNone(self.database.log.find_one({"hook": {"$exists": True}}))


class Failures(WebhooksCase):
    async def test_order(self) -> None:
        """The messages of each room come in their order, though requests fail at times."""
        daemon = await self.a_daemon(self.receiver.settings("message.new"))
        anna, boris = await a_person(daemon), await a_person(daemon)
        rooms = [await a_room(each, each) for each in (anna, boris)]
        texts = [str(number) for number in range(30)]
        tries = iter(range(10**6))
        self.receiver.answer = lambda request: with_status(500 if next(tries) % 9 == 3 else 200)(request)

        await at_once([self.say(each, room, *texts) for each, room in zip((anna, boris), rooms, strict=True)])

        for room in rooms:
            self.assertEqual(texts, await self.receiver.texts(room, len(texts)))
        await self.nothing_waits()

    async def test_dead_receiver(self) -> None:
        """A receiver that is away, redirects or hangs up holds back no other, and gets all once it is back."""
        good = self.a_receiver()
        daemon = await self.a_daemon(self.receiver.settings("message.new") + good.settings("message.new"))
        anna = await a_person(daemon)
        room = await a_room(anna, anna)

        self.receiver.answer = with_status(302)
        await self.say(anna, room, "one")
        await eventually(lambda: self.receiver.tried, "a try")
        self.receiver.answer = hang_up
        await self.say(anna, room, "two")

        self.assertEqual(["one", "two"], await good.texts(room, 2))
        self.receiver.answer = with_status(200)
        self.assertEqual(["one", "two"], await self.receiver.texts(room, 2))
        tried = [hook for hook in self.receiver.tried if hook.data["text"] == "one"]
        self.assertEqual(1, len({hook.id for hook in tried}))
        self.assertNotIn("hidden", daemon.log)

    async def test_never_answers(self) -> None:
        """A receiver that never answers gets no more than so many connections, slows nobody, and then gets all."""
        good = self.a_receiver()
        daemon = await self.a_daemon(self.receiver.settings("direct.new") + good.settings("direct.new"))
        anna = await a_person(daemon)
        readers = [await a_person(daemon) for _ in range(AT_ONCE + 4)]
        most = 0

        def hang(request: Request) -> int:
            nonlocal most
            most = max(most, self.receiver.server.connections)
            return never(request)

        self.receiver.answer = hang
        for text in ("one", "two"):
            for reader in readers:
                self.assertEqual(200, (await write(anna, reader, text)).status)
            for reader in readers:
                await good.next_of("direct.new", user=reader.id, text=text)
        await eventually(lambda: len(self.receiver.tried) >= AT_ONCE, "requests that hang")

        # On a slow machine the first ones time out, and are not closed here yet when the next ones come.
        self.assertLess(most, 2 * AT_ONCE)
        self.assertEqual([], self.receiver.taken)
        self.receiver.answer = with_status(200)
        self.receiver.server.hang_up()
        for reader in readers:
            await self.receiver.next_of("direct.new", user=reader.id, text="two")
            texts = [hook.data["text"] for hook in self.receiver.of("direct.new", user=reader.id)]
            self.assertEqual(["one", "two"], texts)

    async def test_stream_refused(self) -> None:
        """A stream that the receiver refuses holds back no other stream."""
        daemon = await self.a_daemon(self.receiver.settings("message.new"))
        anna, boris = await a_person(daemon), await a_person(daemon)
        refused, other = await a_room(anna, anna), await a_room(boris, boris)
        self.receiver.answer = lambda request: with_status(
            500 if refused.encode() in self.receiver.server.sent[-1].body else 200
        )(request)

        await self.say(anna, refused, "one", "two")
        await self.say(boris, other, "three")

        self.assertEqual(["three"], await self.receiver.texts(other, 1))
        self.assertEqual([], self.receiver.of("message.new", room=refused))
        self.receiver.answer = with_status(200)
        self.assertEqual(["one", "two"], await self.receiver.texts(refused, 2))

    async def test_dead_and_replayed(self) -> None:
        """After three days a delivery is dead, which operators see. A replay sends it under the same id."""
        daemon = await self.a_daemon(self.receiver.settings("message.new"))
        anna = await a_person(daemon)
        room = await a_room(anna, anna)
        self.receiver.answer = with_status(410)
        await self.say(anna, room, "one")
        await eventually(lambda: self.receiver.tried, "a try")

        self.database.deliveries.update_many({}, [{"$set": {"at": {"$subtract": ["$at", 3 * 24 * 3600 * 1000]}}}])

        await eventually(lambda: self.database.deliveries.find_one({"dead_at": {"$exists": True}}), "death")
        await eventually(lambda: self.database.webhooks.find_one({"error": {"$exists": True}}), "the status")
        [listed] = (await run("--mongo", self.uri, "--json", "webhooks", "list")).json["webhooks"]
        self.assertEqual((0, 1, "the webhook answered 410"), (listed["pending"], listed["dead"], listed["error"]))
        self.assertNotIn("hidden", str(listed))
        self.receiver.answer = with_status(200)
        replayed = await run("--mongo", self.uri, "--json", "webhooks", "replay")
        self.assertEqual({"replayed": 1}, replayed.json)
        deeds = await run("--mongo", self.uri, "--json", "audit")
        self.assertEqual("replay webhooks", deeds.json["audit"][0]["deed"])
        self.assertEqual(["one"], await self.receiver.texts(room, 1))
        self.assertEqual(1, len({hook.id for hook in self.receiver.tried}))

    async def test_removed_words(self) -> None:
        """The words of a removed message are gone from what waits for a webhook."""
        daemon = await self.a_daemon(self.receiver.settings("message.new", "message.removed"))
        anna = await a_person(daemon)
        room = await a_room(anna, anna)
        self.receiver.answer = with_status(503)
        [id] = await self.say(anna, room, "a secret word")
        await eventually(lambda: self.receiver.tried, "a try")

        await anna.call("/room/remove-message", message=id)

        self.assertNotIn("a secret word", str(list(self.database.deliveries.find())))
        self.receiver.answer = with_status(200)
        self.assertIsNone((await self.receiver.next_of("message.new", _id=id)).data["text"])
        await self.receiver.next_of("message.removed", _id=id)

    async def test_ended(self) -> None:
        """What waits for a webhook that is no longer in the settings goes, and the others stay."""
        away = self.a_receiver()
        away.answer = with_status(503)
        daemon = await self.a_daemon(self.receiver.settings("message.new") + away.settings("message.new"))
        anna = await a_person(daemon)
        room = await a_room(anna, anna)
        await self.say(anna, room, "one")
        await eventually(lambda: away.tried, "a try")
        await daemon.stop()

        daemon.settings = self.receiver.settings("message.new")
        await daemon.start()
        await eventually(lambda: not self.database.deliveries.find_one({}), "its deliveries to go")
        await eventually(lambda: self.database.webhooks.count_documents({}) == 1, "the other to stay")
        await daemon.stop()
        daemon.settings = ""
        await daemon.start()
        await eventually(lambda: not self.database.webhooks.find_one({}), "the other to go")

    async def test_deleted_person(self) -> None:
        """Nothing of a deleted person waits for a webhook, but that they are gone."""
        daemon = await self.a_daemon("[accounts]\ndeletion_grace = 0\n" + self.receiver.settings())
        anna = await a_person(daemon, nickname="Anna the Unforgettable")
        self.receiver.answer = with_status(503)
        room = await a_room(anna, anna)
        await self.say(anna, room, "words of hers")
        await eventually(lambda: self.database.deliveries.find_one({"type": "message.new"}), "a delivery")

        self.assertEqual(202, (await anna.call("/user/delete", key=anna.key)).status)

        await eventually(lambda: self.database.deliveries.find_one({"type": "user.deleted"}), "the deletion")
        await eventually(lambda: not self.database.deliveries.find_one({"type": "message.new"}), "the rest to go")
        waiting = str(list(self.database.deliveries.find()))
        for words in ("Unforgettable", "words of hers", anna.phone):
            self.assertNotIn(words, waiting)
        self.receiver.answer = with_status(200)
        await self.receiver.next_of("user.deleted", _id=anna.id)


async def write(person: Person, reader: Person, text: str) -> Answer:
    return await person.call("/user/sendMessage", message={"user": reader.id, "text": text})
