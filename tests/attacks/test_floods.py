"""Floods of bytes, pages, hashes and queries over many connections."""

import itertools
import json

from tests.support.attack import AttackCase, flood, post
from tests.support.bystanders import LARGE
from tests.support.chat import a_phone, a_room

CONNECTIONS = 24 if LARGE else 6


class Floods(AttackCase):
    async def test_bytes_in(self) -> None:
        """Bodies as large as they may be, and larger, sent without a pause."""
        bodies = [b'{"phone": "' + b"7" * size + b'"}' for size in (65_000, 300_000)]
        said = [post("/init/reg", body) for body in bodies]

        await self.assert_unharmed("bytes in", lambda: flood(self.daemon.http, CONNECTIONS, lambda _, n: said[n % 2]))

    async def test_bytes_out(self) -> None:
        """Pages of 500 long messages, read over and over."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        for _ in range(100):
            await anna.say(room, "x" * 4000)
        said = post("/room/chat", json.dumps({"room": room, "limit": 500}).encode(), bearer(anna.session_key))

        await self.assert_unharmed("bytes out", lambda: flood(self.daemon.http, CONNECTIONS // 2, lambda *_: said))

    async def test_pages(self) -> None:
        """Pages from the far end of lists, and empty ones."""
        anna = await self.a_person()
        calls = [
            ("/user/messages", {"offset": 2**31 - 1}),
            ("/user/dialog", {"user": anna.id, "skip": 2**31 - 1}),
            ("/room/get", {"page": 10**6, "per_page": 500}),
        ]
        said = [post(path, json.dumps(body).encode(), bearer(anna.session_key)) for path, body in calls]

        await self.assert_unharmed(
            "pages", lambda: flood(self.daemon.http, CONNECTIONS, lambda _, n: said[n % len(said)])
        )

    async def test_hashes(self) -> None:
        """Sign-ins for unknown phones from many addresses: each costs a slow hash."""
        phones = (a_phone() for _ in itertools.count())

        def wrong(_: int, __: int) -> bytes:
            return post("/init/auth", json.dumps({"phone": next(phones), "key": "000000"}).encode())

        await self.assert_unharmed("hashes", lambda: flood(self.daemon.http, CONNECTIONS, wrong, pause=0.02))

    async def test_queries(self) -> None:
        """Searches that look at every room, by one session."""
        anna = await self.a_person()
        said = post("/room/get", json.dumps({"name": "zz", "sort": {"users": -1}}).encode(), bearer(anna.session_key))

        await self.assert_unharmed("database time", lambda: flood(self.daemon.http, CONNECTIONS, lambda *_: said))


def bearer(key: str) -> str:
    return f"Authorization: Bearer {key}"
