"""The files of the web client, as the daemon serves them, and the key that it shows on its own machine."""

import re
from pathlib import Path
from typing import Any

import treq
from twisted.trial.unittest import SynchronousTestCase, TestCase

from justchat.http.web.files import CLIENT, CONSOLE, accepted_encodings, load_files, wants_page
from tests.support.chat import a_phone, last_sms, register
from tests.support.javascript import built
from tests.support.waiting import PATIENCE
from tests.support.wire import OwnDaemonCase, exchange


class Choices(SynchronousTestCase):
    def test_encodings(self) -> None:
        """An encoding is taken if it is named and not refused."""
        for field, accepted in (
            (b"gzip, deflate, br", {"gzip", "deflate", "br"}),
            (b"GZIP;q=0.5, br;q=0", {"gzip"}),
            (b"br;q=0.000,gzip ; q = 0", set()),
            (b"", {""}),
        ):
            self.assertEqual(accepted, accepted_encodings(field), field)

    def test_page(self) -> None:
        """Programs that ask for JSON alone get it, everybody else the page."""
        for accept in (None, b"*/*", b"text/html,application/xhtml+xml,*/*;q=0.8", b"application/json, text/html"):
            self.assertTrue(wants_page(accept), accept)
        self.assertFalse(wants_page(b"application/json"))


class Folders(SynchronousTestCase):
    def test_not_built(self) -> None:
        """A package without the web client has no files, and neither has one whose page is not there."""
        folder = Path(self.mktemp())
        self.assertEqual({}, load_files(folder))
        folder.mkdir()
        (folder / "main-1.js").write_text("1")

        self.assertEqual({}, load_files(folder))


class Sizes(TestCase):
    async def test_sizes(self) -> None:
        """Compressed, the web client is smaller than 150 KB, and the console than 200 KB."""
        await built("web")
        files = load_files()
        for page, most in ((CLIENT, 150_000), (CONSOLE, 200_000)):
            written = files[page].bodies[""].decode()

            sizes = [len(files[name].bodies["gzip"]) for name in re.findall(r'"web/([^"]+)"', written)]

            self.assertLess(sum(sizes), most, page)


class Files(OwnDaemonCase):
    async def setUp(self) -> None:
        await super().setUp()
        await built("web")

    async def get(self, path: str, port: int | None = None, **headers: str) -> Any:
        """An answer, its ``body`` as it came."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer: Any = await treq.get(
            f"http://127.0.0.1:{port or self.daemon.http}{path}", headers=sent, timeout=PATIENCE, persistent=False,
            browser_like_redirects=False,
        )  # fmt: skip
        answer.body = await treq.content(answer)
        answer.field = lambda name: (answer.headers.getRawHeaders(name) or [None])[0]
        return answer

    async def test_files(self) -> None:
        """The pages and their parts have the policy, tags and encodings; nothing else of the folder is served."""
        await self.start("")
        parts: list[str] = []
        for path in ("/", "/console", "/docs", "/docs/events", "/account/delete"):
            page = await self.get(path, Accept="text/html")
            self.assertEqual((200, "no-cache"), (page.code, page.field("cache-control")))
            policy = page.field("content-security-policy")
            for rule in ("default-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"):
                self.assertIn(rule, policy)
            self.assertNotIn("unsafe", policy)
            self.assertNotRegex(page.body.decode(), r"<script(?! type=\"module\" src=)|<style| style=| on\w+=")
            parts_of_it = re.findall(r'"(?:\.\./)?(web/[^"]+)"', page.body.decode())
            self.assertEqual({".js", ".css", ".svg"}, {part[part.rindex(".") :] for part in parts_of_it})
            parts += parts_of_it

        for part in parts:
            plain = await self.get(f"/{part}", Accept_Encoding="identity")
            self.assertEqual((200, None), (plain.code, plain.field("content-encoding")))
            self.assertIn("immutable", plain.field("cache-control"))
            self.assertEqual("nosniff", plain.field("x-content-type-options"))
            packed = await self.get(f"/{part}", Accept_Encoding="gzip")
            self.assertEqual(plain.body, packed.body)  # treq unpacks it
            again = await self.get(f"/{part}", If_None_Match=plain.field("etag"), Accept_Encoding="identity")
            self.assertEqual((304, b""), (again.code, again.body))
        for path in ("/web/index.html", "/web/console.html", "/web/nothing.js", "/web/..%2f__init__.py", "/web/"):
            self.assertEqual(404, (await self.get(path)).code, path)
        described = await self.get("/", Accept="application/json")
        self.assertIn(b'"calls": "/openapi.json"', described.body)

    async def test_key(self) -> None:
        """Who is on this machine is shown the SMS of the outbox. Who may be elsewhere is not."""
        await self.start("")
        phone = a_phone()
        await register(self.daemon, phone)
        path = f"/web/key?phone=%2B{phone}"
        host = f"127.0.0.1:{self.daemon.http}"

        shown = await self.get(path, Origin=f"http://{host}", Sec_Fetch_Site="same-origin")
        self.assertEqual({"text": last_sms(self.daemon, phone)}, await shown.json())
        self.assertIsNone(shown.field("access-control-allow-origin"))
        for elsewhere in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
            {"Host": f"rebound.example:{self.daemon.http}"},
            {"X_Forwarded_For": "203.0.113.5"},
            {"Forwarded": "for=203.0.113.5"},
            {"X_Forwarded_Proto": "https"},
            {"X_Client_IP": "203.0.113.5"},
            {"CF_Connecting_IP": "203.0.113.5"},
        ):
            self.assertEqual(404, (await self.get(path, **elsewhere)).code, elsewhere)
        # So nginx asks that passes everything on, and has been told no more.
        [by_nginx] = await exchange(self.daemon.http, f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        self.assertEqual(404, by_nginx.status)
        self.assertEqual(404, (await self.get("/web/key?phone=nonsense")).code)
        self.assertEqual(404, (await self.get("/web/key")).code)

    async def test_key_of_gateway(self) -> None:
        """With a gateway there is no key to be shown, whatever an earlier outbox has."""
        await self.start('[sms]\nsender = "http"\nurl = "http://127.0.0.1:9/{phone}/{text}"\n')
        phone = a_phone()
        (self.daemon.data / "sms-outbox.jsonl").write_text(f'{{"phone": "{phone}", "text": "123456"}}\n')

        self.assertEqual(404, (await self.get(f"/web/key?phone={phone}")).code)

    async def test_off(self) -> None:
        """Without [web] enabled there is the description alone."""
        await self.start("[web]\nenabled = false\n")

        page = await self.get("/", Accept="text/html")

        self.assertEqual("application/json; charset=utf-8", page.field("content-type"))
        for path in ("/web/key?phone=79220000000", "/docs", "/docs/events"):
            self.assertEqual(404, (await self.get(path)).code, path)
        self.assertEqual(404, (await self.get("/console")).code)

    async def test_console_of_own_port(self) -> None:
        """With [server] endpoint the console, with its parts, is where the calls are that it makes, and only there."""
        await self.start('[server]\nendpoint = "tcp:0:interface=127.0.0.1"\n')
        (port,) = re.findall(r"server listens on 127\.0\.0\.1:(\d+)", self.daemon.log)

        self.assertEqual(404, (await self.get("/console")).code)
        for there, path in ((200, "/docs"), (404, "/docs/events")):  # that port has calls, and no events
            self.assertEqual([200, there], [(await self.get(path, port=each)).code for each in (None, int(port))], path)
        page = await self.get("/console", port=int(port))
        self.assertIn(b"JustChat console", page.body)
        for part in re.findall(r'"(?:\.\./)?(web/[^"]+)"', page.body.decode()):
            self.assertEqual(200, (await self.get(f"/{part}", port=int(port))).code, part)
        for path in ("/web/key?phone=79220000000", "/"):
            self.assertNotIn(b"<title>", (await self.get(path, Accept="text/html", port=int(port))).body)
