"""The sender of a webhook: deliveries in a real database, a clock of the test, and a receiver that the test plays."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bson import ObjectId
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from justchat.actions.webhook_sending import DOWN_AFTER, FRESH, WINDOW, WebhookSender
from justchat.interfaces.webhooks import IWebhookPoster
from justchat.model.ids import Id, derived_id, new_id
from justchat.model.webhook import RETRIED_FOR, PostFailure, WebhookEvent, WebhookType
from justchat.store.deliveries import Deliveries
from justchat.store.indexes import DELIVERIES, create_indexes
from justchat.store.mongo.client import Database
from tests.support.mongo import discard, empty_uri
from tests.support.waiting import eventually

WEBHOOK = new_id()


@implementer(IWebhookPoster)
class Played:
    """A receiver that the test plays: ``refuses`` says of a text whether it fails. ``waits`` keeps answers back."""

    def __init__(self) -> None:
        self.refuses: Callable[[str], bool] = lambda text: False
        self.waits: Deferred[None] | None = None
        self.taken: list[str] = []
        self.tried: list[str] = []

    async def post(self, id: Id, body: bytes) -> PostFailure | None:
        await deferLater(reactor, 0)
        text = body.decode().partition('"text":"')[2].partition('"')[0]
        self.tried.append(text)
        if self.waits is not None:
            await self.waits
        if self.refuses(text):
            return PostFailure(reason="refused", is_down=not text.startswith("no"))
        self.taken.append(text)
        return None


class Sending(TestCase):
    async def setUp(self) -> None:
        self.database = Database(empty_uri())
        self.database.open()
        await create_indexes(self.database)
        self.now, self.at = 0.0, datetime(2026, 11, 27, tzinfo=UTC)
        self.deliveries = Deliveries(self.database, lambda: self.at)
        self.receiver = Played()
        self.sender = self.a_sender()

    async def tearDown(self) -> None:
        await discard(self.database)

    def a_sender(self) -> WebhookSender:
        return WebhookSender(
            webhook=WEBHOOK,
            name="the receiver",
            deliveries=self.deliveries,
            poster=self.receiver,
            clock=lambda: self.at,
            seconds=lambda: self.now,
            may_send=lambda: True,
        )

    async def put(self, stream: Id, *texts: str) -> None:
        events = [
            WebhookEvent(
                type=WebhookType.MESSAGE_NEW,
                source=derived_id(stream, text),
                stream=stream,
                at=self.at,
                data={"_id": derived_id(stream, text), "text": text},
            )
            for text in texts
        ]
        await self.deliveries.put([(event, [WEBHOOK]) for event in events])

    async def steps(self, number: int, seconds: float = 0.0) -> None:
        for _ in range(number):
            self.now += seconds / number
            await self.sender.step(self.deliveries.number())
            await eventually(lambda: not self.sender.is_sending or self.receiver.waits is not None, "answers")

    async def kept(self) -> int:
        pending, _ = await self.deliveries.kept(WEBHOOK)
        return pending

    async def test_order(self) -> None:
        """More than memory holds is sent, each stream in its order, and nothing is left."""
        streams = [new_id() for _ in range(7)]
        texts = [str(number) for number in range(2 * WINDOW // 7)]
        for number, stream in enumerate(streams):
            await self.put(stream, *(f"{number}-{text}" for text in texts))

        await self.steps(12)

        for number in range(7):
            mine = [text.partition("-")[2] for text in self.receiver.taken if text.startswith(f"{number}-")]
            self.assertEqual(texts, mine)
        self.assertEqual(0, await self.kept())

    async def test_refused_stream(self) -> None:
        """A stream that is refused is tried after 1, 2, 4 … seconds, and holds back no other."""
        refused, other = new_id(), new_id()
        self.receiver.refuses = lambda text: text.startswith("no")
        await self.put(refused, "no 1", "no 2")
        for number in range(8):
            await self.put(other, f"yes {number}")
            await self.steps(10, 1.0)

        self.assertEqual([f"yes {number}" for number in range(8)], self.receiver.taken)
        self.assertEqual(["no 1"] * 4, [text for text in self.receiver.tried if text.startswith("no")])
        self.receiver.refuses = lambda text: False
        await self.steps(20, 20.0)
        self.assertEqual(["no 1", "no 2"], self.receiver.taken[8:])
        self.assertEqual(0, await self.kept())

    async def test_down(self) -> None:
        """A receiver that is down gets single requests after growing pauses, then everything in its order."""
        streams = [new_id() for _ in range(3 * DOWN_AFTER)]
        self.receiver.refuses = lambda text: True
        for stream in streams:
            await self.put(stream, f"{stream} 1", f"{stream} 2")
        await self.steps(100, 50.0)
        self.assertLess(len(self.receiver.tried), 16 + 8)

        self.receiver.refuses = lambda text: False
        await self.steps(100, 100.0)

        self.assertEqual(2 * len(streams), len(self.receiver.taken))
        for stream in streams:
            self.assertEqual([f"{stream} 1", f"{stream} 2"], [t for t in self.receiver.taken if t.startswith(stream)])
        self.assertEqual(0, await self.kept())

    async def test_refused_and_down(self) -> None:
        """A receiver that refuses many streams for good still gets the others."""
        self.receiver.refuses = lambda text: text.startswith("no")
        for number in range(4 * DOWN_AFTER):
            await self.put(new_id(), f"no {number}")
        await self.put(new_id(), "yes")

        await self.steps(200, 400.0)

        self.assertEqual(["yes"], self.receiver.taken)

    async def test_dead(self) -> None:
        """What is older than three days dies when it fails; the rest of its stream goes on. A replay comes last."""
        stream = new_id()
        self.receiver.refuses = lambda text: text == "old"
        await self.put(stream, "old")
        self.at += RETRIED_FOR + timedelta(seconds=1)
        await self.put(stream, "young")

        await self.steps(20, 5.0)

        self.assertEqual(["young"], self.receiver.taken)
        self.assertEqual((0, 1), await self.deliveries.kept(WEBHOOK))
        self.receiver.refuses = lambda text: False
        self.assertEqual(1, await self.deliveries.replay(WEBHOOK))
        await self.steps(2)
        self.assertEqual(["young", "old"], self.receiver.taken)

    async def test_words_removed_meanwhile(self) -> None:
        """What waits behind a slow receiver is read again, so that removed words are not sent."""
        stream = new_id()
        await self.put(stream, "first", "second")
        self.receiver.waits = Deferred()
        await self.steps(2)
        await self.database.update(
            DELIVERIES,
            {"_id": ObjectId(derived_id("delivery", WEBHOOK, "message.new", derived_id(stream, "second")))},
            {"$set": {"body": b'{"text":"removed"}'}},
        )

        self.now += FRESH + 1
        waiting, self.receiver.waits = self.receiver.waits, None
        waiting.callback(None)
        await self.steps(3)

        self.assertEqual(["first", "removed"], self.receiver.taken)

    async def test_low_number(self) -> None:
        """A delivery that came with a lower number than others is sent too, a little later."""
        await self.put(new_id(), "first")
        await self.steps(2)
        await self.put(new_id(), "late")
        await self.database.update(DELIVERIES, {"webhook": ObjectId(WEBHOOK)}, {"$set": {"n": 1}})

        await self.steps(4, 60.0)

        self.assertEqual(["first", "late"], self.receiver.taken)
