"""Third-party clients, each over TCP and over TLS."""

import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.support.certificates import Authority
from tests.support.chat import ChatTestCase
from tests.support.clients.scenario import KINDS, Place, missing, walk
from tests.support.daemon import Daemon
from tests.support.kept import Kept
from tests.support.mongo import fresh_uri

_shared = Kept[Daemon](Daemon.remove)


class Clients(ChatTestCase):
    """Every kind passes the scenario, by both kinds of endpoints."""

    authority: Authority

    async def tls(self) -> Daemon:
        folder = Path(tempfile.mkdtemp(prefix="jc-"))
        Clients.authority = Authority(folder)
        pair = Clients.authority.issue("localhost")
        endpoint = f"ssl:0:interface=127.0.0.1:privateKey={pair}:certKey={pair}"
        options = ("--http", endpoint, "--websocket", endpoint, "--mongo", fresh_uri())
        return await Daemon(*options, folder=folder).start()

    async def places(self) -> list[Place]:
        """The daemon that tests share, and one behind TLS."""
        plain, tls = self.daemon, await _shared.get(None, self.tls)
        return [
            Place(http=f"http://127.0.0.1:{plain.http}", socket=f"ws://127.0.0.1:{plain.websocket}", data=plain.data),
            Place(
                http=f"https://127.0.0.1:{tls.http}",
                socket=f"wss://127.0.0.1:{tls.websocket}",
                data=tls.data,
                authority=self.authority.certificate,
            ),
        ]

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
