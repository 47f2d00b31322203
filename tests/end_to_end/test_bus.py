"""Daemons that are joined by a bus: what they say of it."""

from tests.support.client import request
from tests.support.daemon import Daemon
from tests.support.mongo import fresh_uri
from tests.support.redis_server import RedisServer
from tests.support.starting import StartCase
from tests.support.waiting import eventually


class Health(StartCase):
    async def ready(self, daemon: Daemon) -> object:
        answer = await request(daemon.http, "GET", "/readyz")
        self.assertEqual(200, answer.status)
        return (*(answer.json.get(part) for part in ("status", "database", "bus")),)

    async def test_readyz(self) -> None:
        """/readyz is 200 with the bus and without it, and says which; the log has a line for each change."""
        redis = RedisServer(password="hush")
        self.addCleanup(redis.end)
        config = self.a_config(f"[payments]\nsecret_key = 'a key'\n[bus]\nuri = ['{redis.uri()}']\n")
        daemon = await self.a_daemon("--config", config, "--mongo", fresh_uri()).start()

        self.assertEqual(("ok", "up", "up"), await self.ready(daemon))
        redis.kill()
        await eventually(lambda: "is away" in daemon.log, "the daemon to notice")
        self.assertEqual(("ok", "up", "away"), await self.ready(daemon))
        redis.restart()
        await eventually(lambda: "is back" in daemon.log.partition("is away")[2].partition("\n")[2], "it to notice")
        self.assertEqual(("ok", "up", "up"), await self.ready(daemon))

        self.assertEqual(1, daemon.log.count(f"127.0.0.1:{redis.port} is away"))
        self.assertNotIn("hush", daemon.log)

    async def test_embedded_database(self) -> None:
        """With an embedded database a bus joins nobody: the daemon starts, and says so; --check-config fails."""
        redis = RedisServer()
        self.addCleanup(redis.end)
        config = self.a_config(f"[payments]\nsecret_key = 'a key'\n[bus]\nuri = '{redis.socket_uri()}'\n")
        daemon = await self.a_daemon("--config", config).start()

        self.assertEqual(("ok", "up", "up"), await self.ready(daemon))
        self.assertEqual(1, daemon.log.count("give [mongo] uri too"))
        self.assertIn("give [mongo] uri too", await self.refusal("--config", config, "--check-config"))

    async def test_alone(self) -> None:
        """A daemon without a bus says nothing of one."""
        daemon = await self.a_daemon().start()

        self.assertEqual(("ok", "up", None), await self.ready(daemon))
