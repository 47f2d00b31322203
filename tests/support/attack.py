"""Attacks, and their effect on other users: a daemon and users that the tests of one process share.

An attack is tried in a small form by every run of the tests, and in a large one, for longer and under strict bounds, by
``make attack`` (JUSTCHAT_ATTACK=1), which prints a table of what was measured (``tests/attacks/__main__.py``).
"""

import contextlib  # a global "suppress" would be a setting of trial's
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import frozen
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from tests.support.bystanders import LARGE, Bystanders, Measured, harm, start_bystanders
from tests.support.chat import ChatTestCase
from tests.support.daemon import Daemon
from tests.support.quick_hashes import SLOW_HASHES
from tests.support.waiting import PATIENCE

SECONDS = 15.0 if LARGE else 0.8
"""Seconds of an attack, and of the measurement without one."""
SETTLE = 5.0 if LARGE else 0.2
"""Seconds after which memory is to be back."""


@frozen
class Stage:
    """A daemon, its bystanders, and their measurements without an attack."""

    daemon: Daemon
    people: Bystanders
    quiet: Measured


_stages: dict[str, Stage] = {}


class AttackCase(ChatTestCase):
    """Attacks on a daemon with these settings."""

    settings = "[limits]\nexempt = []\n"

    async def setUp(self) -> None:
        if self.settings not in _stages:
            while _stages:  # two idle daemons, with databases and users, would disturb the measurements
                _, stage = _stages.popitem()
                stage.people.end()
                await stage.daemon.stop()
                stage.daemon.remove()
            daemon = Daemon(environ=SLOW_HASHES)
            config = daemon.folder / "justchat.toml"
            config.write_text(self.settings)
            daemon.options = ("--config", str(config))
            await daemon.start()
            people = await start_bystanders(daemon)
            await people.during(deferLater(reactor, 0.5))  # the first calls of each kind are slower
            _stages[self.settings] = Stage(daemon, people, await people.during(deferLater(reactor, SECONDS)))
        self.stage = _stages[self.settings]
        self.daemon = self.stage.daemon
        self._logged = len(self.daemon.log)
        self._listeners = []

    async def assert_unharmed(self, name: str, attack: Callable[[], Awaitable[Any]] | Awaitable[Any]) -> None:
        """Others' calls are slowed and refused within the bounds during the attack, and its memory is released.

        On a busy machine an attack that can be repeated has three tries: real harm occurs in each.
        """
        found: list[str] = []
        quiet = self.stage.quiet
        for _ in range(3):
            attacking = attack() if callable(attack) else attack
            found = harm(quiet, await self.stage.people.during(attacking, settle=SETTLE), name=name)
            if LARGE or not found or not callable(attack):
                break
            quiet = await self.stage.people.during(deferLater(reactor, SECONDS))

        self.assertEqual([], found)


def connect(port: int, number: int = 0, *, receive: int | None = None) -> socket.socket:
    """A connection from an attacker's address, 127.2.x.y, with a small window where one is named."""
    one = socket.socket()
    if receive is not None:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    one.settimeout(PATIENCE)
    one.bind((f"127.2.{number // 250 % 250}.{number % 250 + 1}", 0))
    one.connect(("127.0.0.1", port))
    return one


def post(path: str, body: bytes, *headers: str) -> bytes:
    """The bytes of a call."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


async def flood(
    port: int, connections: int, said: Callable[[int, int], bytes], seconds: float = SECONDS, pause: float = 0
) -> int:
    """Send requests over connections from different addresses; returns how many were answered.

    ``said(connection, request)`` is what to send.
    """
    end = time.monotonic() + seconds
    answered = [0] * connections

    def run(number: int) -> None:
        while time.monotonic() < end:
            with contextlib.suppress(OSError), connect(port, number) as one:
                reading = one.makefile("rb")
                while time.monotonic() < end:
                    one.sendall(said(number, answered[number]))
                    if not _read_answer(reading):
                        break
                    answered[number] += 1
                    time.sleep(pause)
            time.sleep(0.01)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(connections)]
    for thread in threads:
        thread.start()
    await deferToThread(lambda: [thread.join() for thread in threads])
    return sum(answered)


def _read_answer(reading: Any) -> bool:
    """Read one answer; returns whether the connection may be used again."""
    line, length, keep = reading.readline(), 0, True
    while (header := reading.readline().lower()) not in (b"\r\n", b""):
        if header.startswith(b"content-length:"):
            length = int(header.partition(b":")[2])
        keep = keep and not header.startswith(b"connection: close")
    return bool(line) and len(reading.read(length)) == length and keep


async def hold(
    opened: Callable[[], Sequence[socket.socket]],
    drip: Callable[[socket.socket], object] | None = None,
    seconds: float = SECONDS,
) -> int:
    """Open connections and hold them, with a ``drip`` now and then; returns how many there were."""

    def run() -> int:
        held = opened()
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                for one in held:
                    if drip is not None:
                        with contextlib.suppress(OSError):
                            drip(one)
                time.sleep(0.1)
        finally:
            for one in held:
                one.close()
        return len(held)

    return await deferToThread(run)
