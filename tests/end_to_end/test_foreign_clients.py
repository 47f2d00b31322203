"""Third-party clients, each over TCP and over TLS."""

import tempfile
from pathlib import Path
from typing import ClassVar

from twisted.trial.unittest import SkipTest

from tests.support.certificates import Authority
from tests.support.chat import ChatTestCase
from tests.support.clients.scenario import KINDS, Place, missing, walk
from tests.support.daemon import Daemon, shared_daemon


class Clients(ChatTestCase):
    """Every kind passes the scenario, by both kinds of endpoints."""

    _places: ClassVar[list[Place]] = []

    @classmethod
    async def places(cls) -> list[Place]:
        """The daemon that tests share, and one behind TLS."""
        if not cls._places:
            plain = await shared_daemon()
            folder = Path(tempfile.mkdtemp(prefix="jc-"))
            authority = Authority(folder)
            pair = authority.issue("localhost")
            endpoint = f"ssl:0:interface=127.0.0.1:privateKey={pair}:certKey={pair}"
            tls = await Daemon("--http", endpoint, "--websocket", endpoint, folder=folder).start()
            cls._places += [
                Place(
                    http=f"http://127.0.0.1:{plain.http}", socket=f"ws://127.0.0.1:{plain.websocket}", data=plain.data
                ),
                Place(
                    http=f"https://127.0.0.1:{tls.http}",
                    socket=f"wss://127.0.0.1:{tls.websocket}",
                    data=tls.data,
                    authority=authority.certificate,
                ),
            ]
        return cls._places

    async def walk(self, kind: str) -> None:
        if (why := missing(kind)) is not None:
            raise SkipTest(why)
        for place in await self.places():
            await walk(kind, place)


def _walks(kind: str) -> object:
    async def test(self: Clients) -> None:
        await self.walk(kind)

    test.__doc__ = f"{kind} signs in, receives events, sends init again, and resumes after a disconnect."
    return test


for _kind in KINDS:
    setattr(Clients, "test_" + "".join(letter if letter.isalnum() else "_" for letter in _kind), _walks(_kind))
