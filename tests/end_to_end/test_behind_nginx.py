"""The README's proxy: nginx, set up as it says, in front of a daemon set up as it says."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

from autobahn.twisted.websocket import WebSocketClientFactory
from docutils import nodes
from docutils.core import publish_doctree
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint

from tests.support.chat import a_phone
from tests.support.client import Listener, call, request
from tests.support.starting import StartCase, free_port
from tests.support.waiting import eventually
from tests.support.wire import a_request, exchange

README = Path(__file__).parents[2] / "README.rst"
NGINX = shutil.which("nginx") or ("/usr/sbin/nginx" if os.path.exists("/usr/sbin/nginx") else None)
EXTRA = '[limits]\nwrong_keys_per_address = ["3/hour"]\n'
MAIN = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{}}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {server}
}}
"""


def block_of(language: str) -> str:
    """The README's block in this language, under "Behind a proxy"."""
    settings = {"syntax_highlight": "none", "_disable_config": True}
    document = publish_doctree(README.read_text("utf-8"), settings_overrides=settings)
    (text,) = (block.astext() for block in document.findall(nodes.literal_block) if language in block["classes"])
    return str(text)


class BehindNginx(StartCase):
    skip = None if NGINX else "nginx is not installed"

    async def setUp(self) -> None:
        super().setUp()
        settings = block_of("toml")
        for table, port in (("http", 4000), ("websocket", 8000)):
            self.assertEqual(1, settings.count(f"tcp:{port}:interface=127.0.0.1"), table)
            settings = settings.replace(f"tcp:{port}:", "tcp:0:")
        self.daemon = self.a_daemon("--config", self.a_config(settings + "\n" + EXTRA))
        await self.daemon.start()

        self.port = free_port()
        kept = [line for line in block_of("nginx").splitlines() if "ssl_certificate" not in line]
        server = "\n".join(kept)
        for written, ours in (
            ("443 ssl", f"127.0.0.1:{self.port}"),
            ("127.0.0.1:4000", f"127.0.0.1:{self.daemon.http}"),
        ):
            self.assertEqual(1, server.count(written), written)
            server = server.replace(written, ours)
        config = self.folder / "nginx.conf"
        config.write_text(MAIN.format(folder=self.folder, server=server))
        assert NGINX is not None
        self.nginx = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", NGINX, "-p", str(self.folder), "-c", str(config)],
            stderr=open(self.folder / "nginx.log", "wb"),  # noqa: SIM115
        )
        self.addCleanup(self.nginx.wait)
        self.addCleanup(self.nginx.send_signal, signal.SIGTERM)
        await eventually(lambda: (self.folder / "nginx.pid").exists(), "nginx")

    async def test_limits(self) -> None:
        """Each client has separate limits, by the address that nginx passes on, and the log has no warning."""
        phone = a_phone()
        await call(self.port, "/init/reg", {"phone": phone})

        # Not from 127.0.0.1: that is the proxy.
        client = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port, bindAddress=("127.0.0.2", 0))
        body = json.dumps({"phone": phone, "key": "1"}).encode()
        answers = []
        for n in range(4):
            forged = a_request("POST /init/auth", f"X-Forwarded-For: 192.0.2.{n}", body=body, last=True)
            answers += await exchange(self.port, forged, client)

        self.assertEqual([401, 401, 401, 429], [answer.status for answer in answers])
        self.assertNotIn("#warn]", self.daemon.log)

    async def test_large_and_upgraded(self) -> None:
        """A picture of the largest size passes through nginx, and so does a socket."""
        picture = await request(self.port, "POST", "/upload", b"x" * (5 * 1024 * 1024))
        factory = WebSocketClientFactory(f"ws://127.0.0.1:{self.port}/ws", reactor=reactor)
        factory.protocol = Listener
        socket = await TCP4ClientEndpoint(reactor, "127.0.0.1", self.port).connect(factory)
        await socket.opened
        socket.say({"event": "init", "data": {"session_key": "nobody's"}})

        self.assertEqual(415, picture.status)
        self.assertEqual(4440, await socket.closed())
