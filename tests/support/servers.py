"""An app's own server: its keys and calls."""

from typing import Any

from attrs import define

from tests.support.admin import run
from tests.support.client import Answer, call
from tests.support.daemon import Daemon

SCOPES = ("users", "sessions", "rooms", "messages", "coins", "complaints", "console")
_keys: dict[tuple[str, tuple[str, ...]], str] = {}


@define
class AppServer:
    """An app's server that uses a key at a daemon."""

    daemon: Daemon
    key: str

    async def call(self, path: str, /, **body: Any) -> Answer:
        return await call(self.daemon.http, path, body, {"Authorization": f"Bearer {self.key}"})

    async def keyed(self, idempotency_key: str, path: str, /, **body: Any) -> Answer:
        """A call with an Idempotency-Key."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": idempotency_key}
        return await call(self.daemon.http, path, body, headers)


async def a_key(daemon: Daemon, name: str, *arguments: str) -> str:
    """A new key, as ``justchat-admin keys add`` prints it."""
    place = ["--data-dir", str(daemon.data)]
    if "--mongo" in daemon.options:
        place = ["--mongo", daemon.options[daemon.options.index("--mongo") + 1]]
    done = await run(*place, "keys", "add", name, *arguments)
    assert done.code == 0, done
    return done.output.strip()


async def headers_of(daemon: Daemon, path: str) -> dict[str, str]:
    """The header fields that a call of this path needs: a server key, where it is one of an app's server."""
    if not path.startswith("/server/"):
        return {}
    return {"Authorization": f"Bearer {(await an_app_server(daemon)).key}"}


async def an_app_server(daemon: Daemon, *scopes: str) -> AppServer:
    """A server with a key that has these scopes, or all. Tests of one daemon share keys."""
    scopes = tuple(sorted(scopes or SCOPES))
    made = (str(daemon.folder), scopes)
    if made not in _keys:
        _keys[made] = await a_key(daemon, "-".join(scopes), "--scope", *scopes)
    return AppServer(daemon, _keys[made])
