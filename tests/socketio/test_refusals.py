"""What the reference server refuses is refused alike: seen from plain HTTP."""

import json
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.client import Agent

from tests.http.wire import a_request, exchange
from tests.support.chat import ChatTestCase
from tests.support.client import PATIENCE


class Polling(ChatTestCase):
    async def ask(
        self, query: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        url = f"http://127.0.0.1:{self.daemon.http}/socket.io/?{query}"
        agent = Agent(reactor, connectTimeout=PATIENCE)
        response = await treq.request(method, url, data=body, headers=headers or {}, agent=agent, timeout=PATIENCE)
        self.answered = response.headers
        return response.code, await treq.content(response)

    async def a_session(self, version: int = 4) -> str:
        """The query of a new session."""
        status, body = await self.ask(f"EIO={version}&transport=polling")
        self.assertEqual(200, status)
        sid = json.loads(body[body.index(b"{") : body.index(b"}") + 1])["sid"]
        return f"EIO={version}&transport=polling&sid={sid}"

    async def assert_refused(self, code: int, query: str, method: str = "GET", body: bytes | None = None) -> None:
        status, answer = await self.ask(query, method, body)
        self.assertEqual((400, code), (status, json.loads(answer)["code"]), query)

    async def test_wrong_requests(self) -> None:
        """A wrong request is answered with the reference server's number."""
        await self.assert_refused(0, "EIO=4&transport=pigeon")
        await self.assert_refused(0, "")
        await self.assert_refused(1, "EIO=4&transport=polling&sid=nobody")
        await self.assert_refused(2, "EIO=4&transport=polling", "POST", b"40")
        await self.assert_refused(3, "EIO=4&transport=websocket")
        await self.assert_refused(5, "EIO=2&transport=polling")
        await self.assert_refused(5, "transport=polling")

    async def test_other_version(self) -> None:
        """A session keeps its version."""
        query = await self.a_session()

        await self.assert_refused(3, query.replace("EIO=4", "EIO=3"))

    async def test_two_polls(self) -> None:
        """The second poll at once is refused, and ends the session."""
        query = await self.a_session()
        first: Deferred[Any] = Deferred.fromCoroutine(self.ask(query))
        first.addErrback(lambda _: None)
        await deferLater(reactor, 0.2)

        status, _ = await self.ask(query)

        self.assertEqual(400, status)
        self.assertEqual((200, b"1"), await first)
        await self.assert_refused(1, query)

    async def test_malformed_packets(self) -> None:
        """A malformed payload is answered 400, and ends the session."""
        for version, payload in ((4, b"x"), (4, b"\xff\xfe"), (3, b"40"), (3, b"5:4"), (4, b"b////")):
            query = await self.a_session(version)

            status, _ = await self.ask(query, "POST", payload)

            self.assertEqual(400, status, payload)
            while (await self.ask(query))[0] == 200:
                pass
            await self.assert_refused(1, query)

    async def test_megabyte(self) -> None:
        """A payload of a megabyte is answered 413."""
        query = await self.a_session()

        said = a_request(f"POST /socket.io/?{query}", body=b"4" * 1_000_000, last=True)
        answers = await exchange(self.daemon.http, said)

        self.assertEqual([413], [answer.status for answer in answers])
        self.assertEqual(413, (await self.ask(query, "POST", b"4" * 20_000))[0])

    async def test_other_namespace(self) -> None:
        """Another namespace is refused by name, and the client goes on."""
        query = await self.a_session()
        await self.ask(query, "POST", b"40/admin,")

        self.assertEqual((200, b'44/admin,{"message":"Invalid namespace"}'), await self.ask(query))

    async def test_credentials(self) -> None:
        """A page's own origin is named, as clients of version 2 need it."""
        await self.ask("EIO=3&transport=polling", headers={"Origin": "https://chat.example.com"})

        self.assertEqual(["https://chat.example.com"], self.answered.getRawHeaders("Access-Control-Allow-Origin"))
        self.assertEqual(["true"], self.answered.getRawHeaders("Access-Control-Allow-Credentials"))
