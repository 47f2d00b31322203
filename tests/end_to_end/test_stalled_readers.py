"""A thousand stalled readers: they delay no other reader, and their memory is released."""

import statistics
import time

from twisted.internet.threads import deferToThread

from tests.support.chat import a_room
from tests.support.crowd import allow_sockets, memory, stalled
from tests.support.waiting import assert_within, eventually
from tests.support.wire import OwnDaemonCase

WAVE, WAVES = 500, 2
BUFFER = 64 * 1024
TEXT = "x" * 4000
MIB = 1024 * 1024


class StalledReaders(OwnDaemonCase):
    async def test_thousand(self) -> None:
        """All are closed 4413; another reader gets each message at once, in order, and memory is as before."""
        allow_sockets(WAVE)
        await self.start(f"[websocket]\nsend_buffer = {BUFFER}\n[limits]\nenabled = false")
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, boris)
        lively = await self.a_listener(boris)
        assert self.daemon.process is not None
        pid, said = self.daemon.process.pid, 0
        waits: list[float] = []

        async def say() -> None:
            nonlocal said
            began = time.monotonic()
            self.assertEqual(200, (await anna.say(room, f"{said} {TEXT}")).status)
            said += 1
            await eventually(lambda: len(lively.events) > said, "the reader to receive it")
            waits.append(time.monotonic() - began)

        for _ in range(20):
            await say()
        calm, before = statistics.median(waits), memory(pid)
        held, left = [], []
        for wave in range(1, WAVES + 1):
            inits = [{"session_key": anna.session_key}] * WAVE
            sockets = await deferToThread(stalled, self.daemon.websocket, inits)
            waits.clear()
            while self.daemon.log.count("its reader is too slow") < wave * WAVE:
                self.assertLess(said, 1000, "they are not closed")
                await say()
            held.append(statistics.median(waits))
            left.append((memory(pid) - before) / MIB)
            for socket in sockets:
                socket.close()

        texts = [event["data"]["text"].split()[0] for event in lively.events[1:]]
        self.assertEqual([str(number) for number in range(said)], texts)
        # A message is written to five hundred sockets before it is received, so it takes longer, by a bounded time.
        assert_within(1.0, max(held) - calm)
        self.assertLess(left[0], 2 * WAVE * BUFFER / MIB)
        self.assertLess(left[1] - left[0], 0.25 * WAVE * BUFFER / MIB, f"memory grows: {left}")
