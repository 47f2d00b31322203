"""Faults around a daemon: nothing acknowledged is lost, and it serves soon after the cause has ended."""

import contextlib  # a global "suppress" would be a setting of trial's
import copy
import http.client
import json
import os
import random
import resource
import signal
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any
from unittest import SkipTest

from attrs import evolve
from twisted.internet.defer import ensureDeferred, gatherResults
from twisted.internet.threads import deferToThread

from tests.support.app import Client
from tests.support.bystanders import BACK, LARGE, a_picture, note_fault
from tests.support.chat import ChatTestCase, Person, a_room
from tests.support.client import request
from tests.support.crashes import TALKERS, CrashCase
from tests.support.daemon import Daemon
from tests.support.mongo import pause
from tests.support.relay import Relay
from tests.support.waiting import assert_within, eventually, quietly

LASTS = 10.0 if LARGE else 0.5
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


class EnvironmentCase(CrashCase):
    async def assert_back(self) -> None:
        """Everybody is served again soon; in the end nothing that was acknowledged is lost."""
        began = time.monotonic()
        await self.ready()
        await self.crowd.reach(2 * TALKERS)
        took = time.monotonic() - began
        await self.crowd.end()

        assert_within(BACK, took)
        await self.check_kept()
        await self.assert_none_refused_is_there()
        note_fault(self.id().rpartition("test_")[2], took, len(self.crowd.said), len(self.crowd.refused))


class Environment(EnvironmentCase):
    async def setUp(self) -> None:
        await ChatTestCase.setUp(self)

    async def tearDown(self) -> None:
        await ChatTestCase.tearDown(self)

    def limit(self, which: int, most: int) -> Any:
        """Sets a limit of the running daemon; what sets it back."""
        assert self.daemon.process is not None
        pid = self.daemon.process.pid
        before = resource.prlimit(pid, which, (most, resource.prlimit(pid, which)[1]))
        return lambda: resource.prlimit(pid, which, before)

    async def test_descriptors(self) -> None:
        """All descriptors are taken: who is connected is served, others as soon as there are some again."""
        await self.talk()
        assert self.daemon.process is not None
        folder = Path(f"/proc/{self.daemon.process.pid}/fd")
        give_back = self.limit(resource.RLIMIT_NOFILE, max(int(fd.name) for fd in folder.iterdir()) + 8)
        taken = [socket.create_connection(("127.0.0.1", self.daemon.http)) for _ in range(60)]

        await self.crowd.reach(100)
        uploaded = http.client.HTTPConnection("127.0.0.1", self.daemon.http, timeout=1)
        with contextlib.suppress(OSError):
            await deferToThread(uploaded.request, "POST", "/upload", a_picture())
            self.assertNotEqual(415, (await deferToThread(uploaded.getresponse)).status)
        uploaded.close()
        await quietly(LASTS)
        for one in taken:
            one.close()
        give_back()

        await self.assert_back()

    async def test_memory(self) -> None:
        """No memory is to be had: calls may fail, and the daemon goes on."""
        await self.talk()
        assert self.daemon.process is not None
        status = Path(f"/proc/{self.daemon.process.pid}/status").read_text()
        size = int(status.partition("VmSize:")[2].split()[0]) * 1024
        give_back = self.limit(resource.RLIMIT_AS, size + 2 * 2**20)

        async def greedy() -> None:
            body = b'{"phone": "' + b"7" * 4_000_000
            with contextlib.suppress(Exception):
                await request(self.daemon.http, "POST", "/upload", body)

        await gatherResults([ensureDeferred(greedy()) for _ in range(10)])
        await quietly(LASTS)
        give_back()

        self.assertIsNone(self.daemon.process.poll())
        await self.assert_back()
        self._logged = len(self.daemon.log)  # an incident is what it is then

    async def test_database_stopped(self) -> None:
        """The database is stopped for a while."""
        await self.talk()
        pid = self.daemon.mongod_pid()
        pause(pid)
        await quietly(LASTS + 1)
        os.kill(pid, signal.SIGCONT)

        await self.assert_back()


class Clock(EnvironmentCase):
    """The machine's clock is set."""

    def make_daemon(self) -> Daemon:
        if not FAKETIME.exists():
            raise SkipTest("needs libfaketime")
        daemon = Daemon()
        config = daemon.folder / "justchat.toml"
        config.write_text("[websocket]\ninit_timeout = 2\n")
        daemon.options = ("--config", str(config))
        self.clock = daemon.folder / "clock"
        self.clock.write_text("+0")
        daemon.environ |= {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self.clock),
            "FAKETIME_CACHE_DURATION": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        return daemon

    async def set(self, offset: str) -> None:
        """Sets the clock; returns once the daemon sees it."""
        self.clock.write_text(offset)
        await quietly(1.2)

    async def test_set(self) -> None:
        """Set back an hour, forward two, and right again: everything goes on, and stays in the order it came in."""
        await self.talk()
        unbound, idle = await self.a_socket(), socket.create_connection(("127.0.0.1", self.daemon.http))
        anna, boris = self.talkers[:2]
        written = []
        for number, offset in enumerate(("-3600", "+7200", "+0")):
            for turn in range(3):
                text = f"{number} {turn}"
                written.append(text)
                sent = await anna.call("/user/sendMessage", message={"user": boris.id, "text": text})
                self.assertEqual(200, sent.status)
            await self.set(offset)
            await self.crowd.reach(50)
            # What was to happen in two seconds happens then, and what was to happen in a minute does not happen yet.
            self.assertEqual(4408, await unbound.closed())
            self.assertRaises(BlockingIOError, idle.recv, 1, socket.MSG_DONTWAIT)
        written.append("last")
        await anna.call("/user/sendMessage", message={"user": boris.id, "text": "last"})

        idle.close()

        await self.assert_back()
        self.assertEqual([], self.crowd.refused)
        dialog = (await boris.call("/user/dialog", user=anna.id)).data["dialog"]
        self.assertEqual(written[::-1], [message["text"] for message in dialog])
        dialogs = (await boris.call("/user/dialogs")).data["dialogs"]
        self.assertEqual("last", dialogs[0]["last_message"]["text"])
        self.assertEqual(200, (await anna.call("/init/getUser")).status)


class Relayed(ChatTestCase):
    async def test_relay(self) -> None:
        """Over a relay that delays, cuts and drops, each message is stored and delivered once, in order."""
        people = [await self.a_person() for _ in range(4)]
        room = await a_room(people[0], *people)
        calls, sockets = (Relay(port, random.Random(1)) for port in (self.daemon.http, self.daemon.websocket))
        self.addCleanup(calls.end)
        self.addCleanup(sockets.end)
        # The app's socket goes by the relay, its calls go straight.
        by_relay = copy.copy(self.daemon)
        by_relay.websocket = sockets.port
        listener = Client(evolve(people[0], daemon=by_relay))
        await listener.come_back()
        calls.delay, calls.cut, calls.swallow = 0.01, 0.05, 0.02
        sockets.cut = 0.05
        enough = threading.Event()
        talking = [deferToThread(talk, person, calls.port, room, enough) for person in people]

        end = time.monotonic() + LASTS + 1
        while time.monotonic() < end:
            if not listener.online:
                with contextlib.suppress(Exception):
                    await listener.come_back()
            await quietly(0.05)
        await eventually(lambda: calls.met["cut"] + calls.met["swallowed"] > 3, "calls that the relay breaks")
        enough.set()
        said = sorted(text for texts in await gatherResults(talking) for text in texts)
        sockets.cut = 0
        await listener.come_back()
        chat = await self.chat_of(people[0], room)
        await eventually(lambda: listener.seq == chat[-1]["seq"], "the last message")
        await listener.part()

        self.assertEqual(said, sorted(message["text"] for message in chat if message["type"] is None))
        self.assertEqual([], listener.wrong)
        received = [event["_id"] for event in listener.log]
        self.assertEqual([message["_id"] for message in chat if message["seq"] > listener.after], received)
        self.assertEqual({1}, set(Counter(received).values()))

    async def chat_of(self, person: Person, room: str) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        while page := (await person.call("/room/chat", room=room, skip=len(messages), limit=500)).data["chat"]:
            messages += page
        return messages


def talk(person: Person, port: int, room: str, enough: threading.Event) -> list[str]:
    """Says one thing after another, each with a client_id and until it is acknowledged; what was said."""
    said: list[str] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    while not enough.is_set():
        text = f"{person.phone} {len(said)}"
        body = {"session_key": person.session_key, "message": {"room_id": room, "text": text, "client_id": text}}
        while True:
            try:
                connection.request("POST", "/room/sendMessage", json.dumps(body))
                response = connection.getresponse()
                response.read()
                if response.status == 200:
                    break
            except (OSError, http.client.HTTPException):
                connection.close()
        said.append(text)
    connection.close()
    return said
