"""A replay that exceeds the send buffer: it is sent at the reader's pace, complete and in order."""

import json
import os
from typing import Any

from tests.support.chat import a_room
from tests.support.socketio.by_hand import PlainCase
from tests.support.waiting import at_once, eventually

LARGE = bool(os.environ.get("JUSTCHAT_ATTACK"))
MISSED = 900 if LARGE else 120
BUFFER = 1024 * 1024 if LARGE else 65536
TEXT = "я" * 550
"""With what is around it, 1.4 KB."""


class LongReplays(PlainCase):
    settings = f"""
[websocket]
send_buffer = {BUFFER}

[limits]
enabled = false
"""

    async def setUp(self) -> None:
        await super().setUp()
        self.anna, self.boris = await self.a_person(), await self.a_person()
        self.room = await a_room(self.boris, self.boris, self.anna)
        await at_once(self.boris.say(self.room, f"{number} {TEXT}") for number in range(MISSED))
        direct = [{"user": self.anna.id, "text": f"{number} {TEXT}"} for number in range(MISSED // 2)]
        await at_once(self.boris.call("/user/sendMessage", message=message) for message in direct)
        self.init = {"session_key": self.anna.session_key, "n": 0, "room": self.room, "seq": 2}

    def assert_whole(self, received: list[tuple[str, dict[str, Any]]]) -> None:
        """Nothing is missing, nothing comes twice, and it ends in recovered."""
        names = ["direct-message"] * (MISSED // 2) + ["message"] * MISSED
        self.assertEqual(["ready", *names, "caught-up"], [name for name, _ in received])
        self.assertEqual(
            list(range(1, MISSED // 2 + 1)), [data["n"] for name, data in received if name == "direct-message"]
        )
        self.assertEqual(list(range(3, MISSED + 3)), [data["seq"] for name, data in received if name == "message"])
        self.assertTrue(next(data["recovered"] for name, data in received if name == "caught-up"))

    async def test_raw(self) -> None:
        """By the raw socket, also with a pause in reading during which more is sent."""
        for stalled in (False, True):
            socket = await self.a_socket()
            socket.say({"event": "init", "data": self.init})
            if stalled:
                socket.transport.pauseProducing()
                for number in range(20):
                    await self.boris.say(self.room, f"new {number}")
                socket.transport.resumeProducing()

            last = MISSED + 2 + 20 * stalled
            await eventually(
                lambda socket=socket, last=last: (
                    socket.gone.called
                    or (
                        any(event["event"] == "caught-up" for event in socket.events)
                        and any(event["data"].get("seq") == last for event in socket.events[1:])
                    )
                ),
                "the last message",
            )

            self.assertIsNone(socket.close_code)
            received = [(event["event"], event["data"]) for event in socket.events]
            if not stalled:
                self.assert_whole(received)
            else:
                # Some of the new ones may have been sent before the daemon read the positions.
                names = [name for name, _ in received]
                self.assertEqual(1, names.count("caught-up"))
                seqs = [data["seq"] for name, data in received if name == "message"]
                self.assertEqual(list(range(3, last + 1)), seqs)

    async def test_socketio(self) -> None:
        """By Socket.IO over WebSocket."""
        socket = await self.packets()
        socket.send(f'42["init",{json.dumps(self.init)}]')
        await socket.receive('42["caught-up"')

        self.assert_whole([tuple(json.loads(packet[2:])) for packet in socket.received if packet.startswith("42")])

    async def test_polling(self) -> None:
        """By polling, of either protocol; each answer holds a part of it."""
        query = await self.a_session()
        await self.ask(query, "POST", f'42["init",{json.dumps(self.init)}]'.encode())

        answers = []
        while not answers or b'42["caught-up"' not in answers[-1]:
            answer = await self.ask(query)
            self.assertEqual(200, answer.code, answer.body)
            answers.append(answer.body)

        packets = [packet for body in answers for packet in body.decode().split("\x1e")]
        self.assertNotIn("closing", "".join(packets))
        self.assert_whole([tuple(json.loads(packet[2:])) for packet in packets if packet.startswith("42")])
        self.assertLess(max(map(len, answers)), BUFFER)

    async def test_gone_meanwhile(self) -> None:
        """Clients that disconnect during their replay leave the daemon free for others."""
        for _ in range(20):
            socket = await self.a_socket()
            socket.transport.pauseProducing()
            socket.say({"event": "init", "data": self.init})
            query = await self.a_session()
            await self.ask(query, "POST", f'42["init",{json.dumps(self.init)}]'.encode())

        other = await self.a_socket()
        other.say({"event": "init", "data": self.init})

        await other.next("caught-up")
        for listener in self._listeners:
            await listener.leave()
        other = await self.a_socket()
        other.say({"event": "init", "data": self.init})
        await other.next("caught-up")
