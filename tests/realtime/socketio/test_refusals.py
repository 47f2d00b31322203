"""Wrong requests, answered with the reference server's numbers: seen from plain HTTP."""

import json

from tests.support.socketio.by_hand import PlainCase, a_session, ask


class Refusals(PlainCase):
    async def assert_refused(self, code: int, query: str, method: str = "GET", body: bytes | None = None) -> None:
        answer = await self.ask(query, method, body)
        self.assertEqual((400, code), (answer.code, json.loads(answer.body)["code"]), query)

    async def test_wrong_requests(self) -> None:
        """A wrong request is answered with its number."""
        await self.assert_refused(0, "EIO=4&transport=pigeon")
        await self.assert_refused(0, "")
        await self.assert_refused(1, "EIO=4&transport=polling&sid=nobody")
        await self.assert_refused(2, "EIO=4&transport=polling", "POST", b"40")
        await self.assert_refused(3, "EIO=4&transport=websocket")
        await self.assert_refused(5, "EIO=2&transport=polling")
        await self.assert_refused(5, "transport=polling")

    async def test_other_version(self) -> None:
        """A session keeps its version."""
        query = await a_session(self.daemon.http)

        await self.assert_refused(3, query.replace("EIO=4", "EIO=3"))

    async def test_malformed(self) -> None:
        """After a malformed payload the client gets 4400, and the session ends."""
        query = await self.a_session()

        await self.ask(query, "POST", b"x")

        received = await self.until(query, "41")
        self.assertIn('"code":4400', received[-2])
        await self.over(query)

    async def test_other_namespace(self) -> None:
        """Another namespace is refused by name, and the client goes on."""
        query = await a_session(self.daemon.http)
        await self.ask(query, "POST", b"40/admin,")

        answer = await self.ask(query)

        self.assertEqual((200, b'44/admin,{"message":"Invalid namespace"}'), (answer.code, answer.body))

    async def test_origin(self) -> None:
        """A page of a forbidden origin gets 403, and no CORS header to read it."""
        headers = {"Origin": "https://evil.example.com"}

        answer = await ask(self.daemon.http, "EIO=4&transport=polling", headers=headers)

        self.assertEqual((403, 4), (answer.code, json.loads(answer.body)["code"]))
        self.assertIsNone(answer.headers.getRawHeaders("Access-Control-Allow-Origin"))

    async def test_credentials(self) -> None:
        """A page's own origin is named, as clients of version 2 need it."""
        headers = {"Origin": "https://chat.example.com"}

        answer = await ask(self.daemon.http, "EIO=3&transport=polling", headers=headers)

        self.assertEqual(["https://chat.example.com"], answer.headers.getRawHeaders("Access-Control-Allow-Origin"))
        self.assertEqual(["true"], answer.headers.getRawHeaders("Access-Control-Allow-Credentials"))
