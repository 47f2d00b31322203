"""Timeouts and buffers are those of the raw socket, by WebSocket and by polling."""

import json
import secrets

from tests.support.attack import connect
from tests.support.chat import a_room
from tests.support.socketio.by_hand import QUICK_INIT, QUICK_PING, PlainCase, a_session
from tests.support.waiting import at_once, eventually
from tests.support.wire import a_request, exchange

TEXT = "x" * 4000


def closing_code(packets: list[str]) -> int:
    """The code of the ``closing`` event among these packets."""
    (closing,) = (packet for packet in packets if packet.startswith('42["closing"'))
    code: int = json.loads(closing[2:])[1]["code"]
    return code


class SlowReader(PlainCase):
    async def test_websocket(self) -> None:
        """A reader that is too slow is closed 4413; others get everything."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        reader, stalled = await self.packets(init=anna.session_key), await self.packets(init=anna.session_key)
        stalled.transport.pauseProducing()

        said = 0
        while "too slow" not in self.daemon.log[self._logged :] and said < 1000:
            await anna.say(room, TEXT)
            said += 1
        stalled.transport.resumeProducing()

        self.assertEqual(4413, await stalled.closing_code())
        await eventually(lambda: sum(TEXT in received for received in reader.received) == said, "every message")
        self.assertFalse(reader.gone.called)

    async def test_polling(self) -> None:
        """A session with too much queued gets 4413 and nothing else, and ends."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        query = await self.a_session(init=anna.session_key)
        await self.until(query, '42["ready"')

        for _ in range(65536 // len(TEXT) + 1):
            await anna.say(room, TEXT)

        self.assertEqual(4413, closing_code(await self.until(query, '42["closing"')))
        # Without CLOSE, after which python-socketio stays away.
        self.assertEqual(400, (await self.ask(query)).code)


class WebSocket(PlainCase):
    async def test_too_large(self) -> None:
        """A frame over the limit ends the connection, and so does one of a megabyte."""
        for size in (16 * 1024, 1_000_000):
            socket = await self.packets()

            socket.send("4" * (size + 1))

            await socket.closed()
            self.assertNotIn("closing", "".join(socket.received))

    async def test_malformed(self) -> None:
        """An unknown packet gets 4400, and the client is disconnected for good."""
        for packet in ("", "x", "0", "5", "4", "4x", '42{"a":1}', '42["message",{}]', '42["init"]', '451-["init",{}]'):
            socket = await self.packets()

            socket.send(packet)

            self.assertEqual(4400, await socket.closing_code(), packet)
            self.assertIn("41", socket.received)

    async def test_binary_frames(self) -> None:
        """In Engine.IO 3 a binary frame's first byte is its type; in 4, and as a message, it is an attachment of
        nothing: 4400."""
        old = await self._open("EIO=3&transport=websocket")
        old.sendMessage(b"\x02", isBinary=True)
        await old.receive("3")
        for socket, frame in ((old, b"\x04x"), (await self.packets(), b"\x03")):
            socket.sendMessage(frame, isBinary=True)

            self.assertEqual(4400, await socket.closing_code())

    async def test_origin(self) -> None:
        """A page of a forbidden origin gets 403; one of an allowed origin gets a socket."""
        await self.packets(origin="https://chat.example.com")

        with self.assertRaises(ConnectionError) as refused:
            await self.packets(origin="https://evil.example.com")

        self.assertIn("403", str(refused.exception))


class Polling(PlainCase):
    async def test_too_large(self) -> None:
        """A payload over the limit, or of a megabyte, is 413, and the session goes on."""
        query = await self.a_session()
        await self.until(query, "40")

        self.assertEqual(413, (await self.ask(query, "POST", b"4" * (16 * 1024 + 1))).code)
        said = a_request(f"POST /socket.io/?{query}", body=b"4" * 1_000_000, last=True)
        self.assertEqual([413], [answer.status for answer in await exchange(self.daemon.http, said)])

        await self.ask(query, "POST", b"40/other,")
        await self.until(query, "44/other")

    async def test_many_packets(self) -> None:
        """Events that have gathered come in answers that python-socketio takes: of 16 packets at most."""
        anna = await self.a_person()
        room = await a_room(anna, anna)
        query = await self.a_session(init=anna.session_key)
        await self.until(query, '42["ready"')
        for number in range(20):
            await anna.say(room, str(number))

        answers: list[list[str]] = []
        texts: list[str] = []
        while len(texts) < 20:
            answers.append((await self.ask(query)).body.decode().split("\x1e"))
            texts += [json.loads(each[2:])[1]["text"] for each in answers[-1] if each.startswith('42["message"')]

        self.assertEqual([str(number) for number in range(20)], texts)
        self.assertEqual(16, max(map(len, answers)))

    async def test_dropped(self) -> None:
        """A session whose poll was dropped is unknown from then on: a client that polls it again begins another one."""
        query = await a_session(self.daemon.http, 3)
        await self.ask(query, "POST", b"9:40/other,")
        poll = a_request(f"GET /socket.io/?{query}")
        with connect(self.daemon.http) as connection:
            connection.sendall(poll)
            said = b""
            while not said.endswith(b'"Invalid namespace"'):
                said += connection.recv(4096)
            connection.sendall(poll)  # waits: nothing is left to say, and in protocol 3 clients ping

        answer = await self.ask(query)

        self.assertEqual(400, answer.code, answer.body)

    async def test_wrong_key(self) -> None:
        """A wrong key: ``error``, then 4440."""
        query = await self.a_session(init=secrets.token_hex(24))

        received = await self.until(query, '42["closing"')

        self.assertIn('42["error",{"error":"Login Timeout","code":"login-timeout","status":440}]', received)
        self.assertEqual(4440, closing_code(received))


class NoInit(PlainCase):
    settings = QUICK_INIT

    async def test_websocket(self) -> None:
        """No ``init`` in time: 4408, and disconnected for good."""
        socket = await self.packets()

        self.assertEqual(4408, await socket.closing_code())
        self.assertIn("41", socket.received)

    async def test_polling(self) -> None:
        """No ``init`` in time: 4408, and disconnected for good."""
        query = await self.a_session()

        received = await self.until(query, '42["closing"')

        self.assertEqual(4408, closing_code(received))
        self.assertEqual("41", received[-1])


class Silence(PlainCase):
    settings = QUICK_PING

    async def test_websocket(self) -> None:
        """A client that answers no ping is closed."""
        anna = await self.a_person()
        living, silent = await self.packets(init=anna.session_key), await self.packets(init=anna.session_key)
        silent.answers_pings = False

        await silent.closed()

        self.assertFalse(living.gone.called)

    async def test_polling(self) -> None:
        """A session of which no sign of life comes, although it is polled, is then unknown. So its client begins
        another one. It is not sent CLOSE, after which python-socketio stays away.
        """

        async def said(version: int) -> str:
            query = await a_session(self.daemon.http, version)
            bodies = []
            while (answer := await self.ask(query)).code == 200:
                bodies.append(answer.body.decode())
            self.assertEqual((400, 1), (answer.code, json.loads(answer.body)["code"]))
            return bodies[-1]

        last = await at_once(said(version) for version in (4, 3))

        self.assertNotIn(last[0], ("", "1"))
        self.assertNotIn(last[1], ("", "1:1"))
