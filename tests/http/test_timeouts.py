# ruff: noqa: E501
"""Limits for clients that request much, open many connections or read slowly."""

import json
import socket
import time

from twisted.internet.threads import deferToThread

from tests.support.attack import connect
from tests.support.chat import Person, a_room
from tests.support.waiting import PATIENCE, at_once, eventually
from tests.support.wire import SettingsCase, a_request, exchange

BOUNDS = """
[http]
idle_timeout = 0.6

[limits]
connections_per_address = 3
"""
RATE = """
[limits]
get = "5/minute"
"""
OUTSIDER = 7 * 250
"""The number of an address that no other test counts by."""
LIVE = a_request("GET /livez")


def received(one: socket.socket, seconds: float = PATIENCE) -> bytes:
    """All bytes until the other side closes."""
    one.settimeout(seconds)
    found = b""
    try:
        while some := one.recv(65536):
            found += some
    except ConnectionError:
        pass
    return found


def status(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


class Connections(SettingsCase):
    settings = BOUNDS.replace("0.6", "60")

    async def test_bound(self) -> None:
        """Connections are limited by address over both ports: one more is 429, and other addresses are served."""
        ports = (self.daemon.http, self.daemon.websocket, self.daemon.http)
        held = [connect(port, OUTSIDER) for port in ports]
        for one in held:  # each accepted, in any order
            one.sendall(LIVE)
            self.assertIn(status(await deferToThread(one.recv, 4096)), (200, 426))
        for port in ports[:2]:
            answer = await deferToThread(received, connect(port, OUTSIDER))

            self.assertEqual(429, status(answer))
            self.assertIn(b'"code":"too-many-connections"', answer)
            self.assertIn(b"Retry-After: ", answer)
        self.assertEqual(200, await deferToThread(self.live, OUTSIDER + 1))

        for one in held:
            one.close()

        for _ in range(3):
            await self.served()

    async def test_websockets(self) -> None:
        """A connection that became a WebSocket is counted as that, and gives its place to another."""
        for _ in range(5):
            await self.a_socket("/ws")
            await self.a_socket()

        await self.served()

    async def served(self) -> None:
        """Another client is served, once the daemon has seen that the others are gone."""
        found: list[int] = []
        for _ in range(100):
            found.append(await deferToThread(self.live, OUTSIDER))
            if found[-1] == 200:
                return
        self.fail(f"not served: {found}")

    def live(self, number: int) -> int:
        with connect(self.daemon.http, number) as one:
            one.sendall(a_request("GET /livez", last=True))
            return status(received(one))


class GetRate(SettingsCase):
    settings = RATE

    async def test_rate(self) -> None:
        """Requests that are not calls have a rate by address, with any status; calls do not count for it."""
        said = LIVE + a_request("GET /nothing") + a_request("OPTIONS /init/auth") + a_request("PUT /livez") + LIVE

        answers = await exchange(
            self.daemon.http,
            said + a_request("POST /init/getUser", body=b"{}") + LIVE + a_request("POST /init/getUser", body=b"{}", last=True),
        )  # fmt: skip

        self.assertEqual([200, 404, 204, 405, 200, 440, 429, 440], [answer.status for answer in answers])
        self.assertEqual("too-many-requests", answers[6].json["code"])
        self.assertLessEqual({"retry-after", "ratelimit"}, set(answers[6].headers))


class LongAnswers(SettingsCase):
    settings = BOUNDS.replace("= 3", "= 1000").replace("0.6", "2")

    async def a_long_room(self) -> tuple[Person, bytes]:
        """A user, and the body of a call whose answer has some megabytes."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        first = (await anna.say(room, "я" * 4000)).data["message"]["_id"]
        for _ in range(15):
            await at_once(anna.say(room, "я" * 4000, ref_message=first) for _ in range(10))
        return anna, json.dumps({"session_key": anna.session_key, "room": room, "limit": 500}).encode()

    async def test_whole(self) -> None:
        """An answer of megabytes is whole, by both ways, and what follows on its connection is answered."""
        _, body = await self.a_long_room()
        call = a_request("POST /room/chat", body=body)
        odd = a_request("POST /room/chat", "Content-Encoding: identity", body=body)

        answers = await exchange(
            self.daemon.http, call + odd + call + LIVE + odd.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        )

        self.assertEqual([200] * 5, [answer.status for answer in answers])
        texts = [message["text"] for message in answers[0].json["data"]["chat"] if message["text"]]
        self.assertTrue(texts == ["я" * 4000] * 151)
        for answer in (answers[1], answers[2], answers[4]):
            self.assertEqual(answers[0].body, answer.body)

    async def test_slow_reader(self) -> None:
        """A client that reads nothing is disconnected: of a long answer, of many short ones, of the last one."""
        _, body = await self.a_long_room()
        chat = a_request("POST /room/chat", body=body)
        odd = a_request("POST /room/chat", "Content-Encoding: identity", body=body)
        held = []
        for said in (
            *(chat, odd, a_request("GET /openapi.json") * 200, a_request("POST /init/auth", body=b"[]") * 20_000),
            *(
                a_request("POST /room/chat", body=body, last=True),
                odd.replace(b"\r\n", b"\r\nConnection: close\r\n", 1),
            ),
        ):
            one = connect(self.daemon.http, OUTSIDER, receive=4096)
            self.addCleanup(one.close)
            held.append((one, said, deferToThread(_send, one, said)))
        for one, said, sending in held:
            await eventually(lambda one=one: _is_reset(one), f"to be disconnected after {said[:60]!r}")
            await sending

    async def test_slow_but_steady(self) -> None:
        """A client that reads slowly is not disconnected."""
        _, body = await self.a_long_room()
        for said in (a_request("POST /room/chat", body=body, last=True),):
            with connect(self.daemon.http, OUTSIDER) as one:
                one.sendall(said)
                answer = await deferToThread(_slowly, one)

            self.assertEqual(152, len(json.loads(answer.partition(b"\r\n\r\n")[2])["data"]["chat"]))


def _send(one: socket.socket, said: bytes) -> None:
    one.settimeout(0.2)
    left = memoryview(said)
    for _ in range(20):
        try:
            left = left[one.send(left) :]
        except TimeoutError:
            continue
        except OSError:
            return
        if not left:
            return


def _is_reset(one: socket.socket) -> bool:
    """Whether the other side has dropped the connection: nothing is read for that."""
    if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return True
    return one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 1  # TCP_ESTABLISHED


def _slowly(one: socket.socket) -> bytes:
    """All of an answer, in some three seconds."""
    one.settimeout(PATIENCE)
    found, began = b"", time.monotonic()
    while some := one.recv(256 * 1024):
        found += some
        if time.monotonic() - began < 3:
            time.sleep(0.1)
    return found
