"""What metrics tell of webhooks."""

from datetime import UTC, datetime, timedelta

from tests.support.chat import a_person
from tests.support.daemon import METRICS
from tests.support.gateway import with_status
from tests.support.scraping import Scrape, scrape
from tests.support.waiting import eventually
from tests.support.webhooks import WebhooksCase


class Numbers(WebhooksCase):
    async def test_told(self) -> None:
        """What waits, since when, what is in memory, what is dead, and how each delivery ended."""
        self.receiver.answer = with_status(500)
        daemon = await self.a_daemon(METRICS + self.receiver.settings("user.new"))
        for _ in range(3):
            await a_person(daemon)
        deliveries = self.database.deliveries
        await eventually(lambda: deliveries.count_documents({"live": True}) == 3, "three deliveries")
        await daemon.stop()
        first = deliveries.find_one_and_update({}, {"$unset": {"live": 1}, "$set": {"dead_at": datetime.now(UTC)}})
        assert first is not None
        hour_ago = datetime.now(UTC) - timedelta(hours=1)
        deliveries.update_many({"live": True}, {"$set": {"at": hour_ago}})
        await daemon.start()
        found: list[Scrape] = []

        async def shown(name: str, **labels: str) -> float:
            found[:] = [await scrape(daemon)]
            return found[0].of(f"justchat_webhook_{name}", webhook=self.receiver.server.address, **labels)

        async def wait() -> bool:
            return await shown("kept", place="waiting") == 2

        await eventually(wait, "two that wait")
        self.assertEqual(1, await shown("kept", place="dead"))
        self.assertLessEqual(3600, await shown("delay_seconds"))
        self.assertEqual(0, await shown("deliveries_total", outcome="delivered"))
        bounds = [found[0].of("justchat_webhook_kept_bound", place=place) for place in ("waiting", "memory", "dead")]
        self.assertEqual([1_000_000, 400, 100_000], bounds)

        self.receiver.answer = with_status(204)

        async def arrive() -> bool:
            return await shown("deliveries_total", outcome="delivered") == 2

        await eventually(arrive, "two that arrive", 60)
        self.assertLessEqual(1, await shown("deliveries_total", outcome="failed"))
