"""``[server] endpoint``: the calls of an app's own server answer on a port of their own, and nowhere else."""

import re
from typing import Any

from justchat.http.declared import all_declared
from tests.support.client import call, request
from tests.support.servers import an_app_server
from tests.support.wire import SettingsCase


class Apart(SettingsCase):
    settings = '[server]\nendpoint = "tcp:0:interface=127.0.0.1"\n'

    async def setUp(self) -> None:
        await super().setUp()
        (port,) = re.findall(r"server listens on 127\.0\.0\.1:(\d+)", self.daemon.log)
        self.port = int(port)

    async def test_each_on_its_port(self) -> None:
        """A call is 404 on the port that is not its own; on its own it asks for a key."""
        for endpoint in all_declared():
            of_server = bool(endpoint.scopes)
            there, elsewhere = (self.port, self.daemon.http) if of_server else (self.daemon.http, self.port)

            answer = await request(elsewhere, "POST", endpoint.path, b"{}")
            self.assertEqual((404, "not-found"), (answer.status, answer.code), endpoint.path)
            answer = await request(there, "POST", endpoint.path, b"{}")
            self.assertNotEqual(404, answer.status, endpoint.path)
            if of_server:
                self.assertEqual((401, "wrong-server-key"), (answer.status, answer.code), endpoint.path)

    async def test_described(self) -> None:
        """Each port describes what it serves; health is on both, sockets and pictures are on the public one alone."""
        documents: dict[int, Any] = {}
        for port in (self.port, self.daemon.http):
            documents[port] = (await request(port, "GET", "/openapi.json")).json
            for path in ("/livez", "/readyz", "/"):
                self.assertEqual(200, (await request(port, "GET", path)).status, path)

        of_server = {path for path in documents[self.port]["paths"] if path.count("/") > 1}
        self.assertEqual({endpoint.path for endpoint in all_declared() if endpoint.scopes}, of_server)
        self.assertEqual([], [path for path in documents[self.daemon.http]["paths"] if path.startswith("/server/")])
        for path in ("/ws", "/socket.io/?EIO=4&transport=polling", "/uploads/x.png"):
            self.assertEqual(404, (await request(self.port, "GET", path)).status, path)

    async def test_served(self) -> None:
        """A call with a key is carried out there."""
        anna = await self.a_person()
        server = await an_app_server(self.daemon)
        headers = {"Authorization": f"Bearer {server.key}"}

        answer = await call(self.port, "/server/users/get", {"user": anna.id}, headers)

        self.assertEqual(anna.id, answer.data["user"]["_id"])


class ApartInKlein(Apart):
    """The same without the fast lane."""

    settings = Apart.settings + "[http]\nfast_lane = false\n"
