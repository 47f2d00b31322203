"""The conventions of all answers: form, methods, CORS, and the health checks."""

import json

from justchat import __version__
from tests.support.chat import ChatTestCase, a_phone, a_room
from tests.support.client import Answer, call, request
from tests.support.wire import NOBODY, OwnDaemonCase, a_request, exchange

JSON = ["application/json; charset=utf-8"]
ORIGIN = {"Origin": "http://page.example"}


def names(answer: Answer, header: str) -> set[str]:
    """The comma-separated values of a header, in lower case."""
    return {name.strip().lower() for name in answer.headers.getRawHeaders(header, [""])[0].split(",")}


class Form(ChatTestCase):
    async def test_content_type(self) -> None:
        """Every answer, of success or error, is JSON in UTF-8 and says so."""
        port = self.daemon.http

        answers = [
            await call(port, "/init/reg", {"phone": a_phone()}),
            await call(port, "/init/auth", {"phone": a_phone(), "key": "1"}),
            await call(port, "/init/getUser", {}),
            await request(port, "POST", "/init/auth", b"no JSON"),
            await request(port, "POST", "/nothing/here", b"{}"),
            await request(port, "GET", "/init/auth"),
            await request(port, "POST", "/init/auth", b"x" * 70_000),
            await request(port, "GET", "/livez"),
        ]

        self.assertEqual([201, 401, 440, 400, 404, 405, 413, 200], [answer.status for answer in answers])
        for answer in answers:
            self.assertEqual(JSON, answer.headers.getRawHeaders("Content-Type"), answer)

    async def test_error_body(self) -> None:
        """An error's body has the status's reason phrase, a code for programs and a sentence for people."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna)

        answers = [
            await boris.call("/room/chat", room=5),
            await call(self.daemon.http, "/init/auth", {"phone": a_phone(), "key": "1"}),
            await boris.say(room, "let me in"),
            await boris.enter(NOBODY),
            await call(self.daemon.http, "/room/chat", {"room": room}),
            await request(self.daemon.http, "GET", "/room/chat"),
        ]

        self.assertEqual(
            [
                (400, "Bad Request"),
                (401, "Unauthorized"),
                (403, "Forbidden"),
                (404, "Not Found"),
                (440, "Login Timeout"),
                (405, "Method Not Allowed"),
            ],
            [(answer.status, answer.json["error"]) for answer in answers],
        )
        for answer in answers:
            self.assertRegex(answer.code, r"\A[a-z]+(-[a-z]+)*\Z")
            self.assertIsInstance(answer.json["detail"], str)
            self.assertTrue(answer.json["detail"])

    async def test_room_not_found(self) -> None:
        """The contract's own example of an error is answered to the letter."""
        anna = await self.a_person()

        answer = await anna.enter(NOBODY)

        self.assertEqual({"error": "Not Found", "code": "room-not-found", "detail": "no room has this id"}, answer.json)

    async def test_status_line(self) -> None:
        """The status line has the reason phrase, too, the original API's own 440 included."""
        body = b"{}"

        [answer] = await exchange(self.daemon.http, a_request("POST /init/getUser", body=body, last=True))

        self.assertEqual("HTTP/1.1 440 Login Timeout", answer.line)

    async def test_fields(self) -> None:
        """A validation error names every bad field at once, nested ones by their dotted names."""
        anna = await self.a_person()

        answer = await anna.call("/init/edit", user={"dob": "yesterday", "gender": 2, "nickname": "Anna"})

        self.assertEqual(400, answer.status)
        self.assertEqual({"user.dob", "user.gender"}, {wrong["field"] for wrong in answer.json["fields"]})
        for wrong in answer.json["fields"]:
            self.assertTrue(wrong["detail"])

    async def test_unknown_fields(self) -> None:
        """Unknown fields are dropped."""
        anna, boris = await self.a_person(), await self.a_person()

        answer = await anna.call(
            "/room/create", room={"name": "mine", "admin": boris.id, "__v": 3, "$set": {"a": 1}}, extra=[1]
        )

        self.assertEqual(201, answer.status)
        self.assertEqual(anna.id, answer.data["room"]["admin"])
        self.assertNotIn("__v", answer.data["room"])


class Paths(ChatTestCase):
    async def test_unknown_path(self) -> None:
        """An unknown path is 404, by any method and in any form."""
        for line in ("POST /init/nothing", "GET /nothing", "PUT /a/b", "POST /init/auth/x", "GET /ws", "POST //x"):
            [answer] = await exchange(self.daemon.http, a_request(line, body=b"{}", last=True))

            self.assertEqual((404, "Not Found"), (answer.status, answer.json["error"]), line)

    async def test_front(self) -> None:
        """To who asks for JSON, / says what the daemon is and where its API is described, with a page or without."""
        said = a_request("GET /", "Accept: application/json", last=True)
        [answer] = await exchange(self.daemon.http, said)

        front = json.loads(answer.body)
        self.assertEqual((200, "JustChat", __version__), (answer.status, front["name"], front["version"]))
        self.assertRegex(front["docs"], r"^/docs$|README\.rst")

    async def test_path_not_utf8(self) -> None:
        """A path that is not UTF-8 does not exist: 404, and no error in the log."""
        [answer] = await exchange(self.daemon.http, a_request("GET /%ff%fe", last=True))

        self.assertEqual((404, "application/json; charset=utf-8"), (answer.status, answer.headers["content-type"]))

    async def test_host_not_utf8(self) -> None:
        """A Host header that is not UTF-8 causes no internal error."""
        said = a_request("POST /init/getUser", body=b"{}", last=True).replace(b"localhost", b"\xff\xfe")

        [answer] = await exchange(self.daemon.http, said)

        self.assertIn(answer.status, (400, 440))
        self.assertEqual("application/json; charset=utf-8", answer.headers["content-type"])

    async def test_wrong_method(self) -> None:
        """A call by another method than POST is 405, with Allow."""
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            answer = await request(self.daemon.http, method, "/init/auth")

            self.assertEqual(405, answer.status, method)
            self.assertIn("post", names(answer, "Allow"))
            self.assertNotIn("get", names(answer, "Allow"))

    async def test_wrong_method_of_livez(self) -> None:
        """POST to /livez is 405 and says that GET is allowed."""
        answer = await request(self.daemon.http, "POST", "/livez", b"{}")

        self.assertEqual(405, answer.status)
        self.assertIn("get", names(answer, "Allow"))

    async def test_watching(self) -> None:
        """GET and HEAD of /livez and /readyz are 200 while all is well."""
        for path in ("/livez", "/readyz"):
            for method in ("GET", "HEAD"):
                answer = await request(self.daemon.http, method, path)

                self.assertEqual(200, answer.status, (method, path))

    async def test_pipelined(self) -> None:
        """Requests that follow each other on one connection without waiting are answered in their order."""
        slow = b'{"phone": "+7 922 000 00 00", "key": "1"}'

        answers = await exchange(
            self.daemon.http,
            a_request("POST /init/auth", body=slow)
            + a_request("GET /livez")
            + a_request("POST /init/getUser", body=b"{}")
            + a_request("POST /init/auth", body=b"[]")
            + a_request("GET /nothing", last=True),
        )

        self.assertEqual([401, 200, 440, 400, 404], [answer.status for answer in answers])


class Cors(ChatTestCase):
    async def test_any_origin(self) -> None:
        """By default a page of any origin may read every answer, errors too."""
        port = self.daemon.http

        answers = [
            await request(port, "POST", "/init/reg", b'{"phone": "%s"}' % a_phone().encode(), ORIGIN),
            await request(port, "POST", "/init/reg", b"[]", ORIGIN),
            await request(port, "POST", "/nothing", b"{}", ORIGIN),
            await request(port, "POST", "/init/reg", b"x" * 70_000, ORIGIN),
        ]

        self.assertEqual([201, 400, 404, 413], [answer.status for answer in answers])
        for answer in answers:
            self.assertIn(names(answer, "Access-Control-Allow-Origin"), ({"*"}, {ORIGIN["Origin"]}))

    async def test_preflight(self) -> None:
        """A browser's preflight is 204 and allows POST, with JSON and a Bearer key."""
        asked = {
            **ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }

        answer = await request(self.daemon.http, "OPTIONS", "/room/enter", None, asked)

        self.assertEqual(204, answer.status)
        self.assertIn(names(answer, "Access-Control-Allow-Origin"), ({"*"}, {ORIGIN["Origin"]}))
        self.assertIn("post", names(answer, "Access-Control-Allow-Methods"))
        self.assertLessEqual({"authorization", "content-type"}, names(answer, "Access-Control-Allow-Headers"))

    async def test_preflight_of_libraries(self) -> None:
        """A preflight allows the fields that uploaders and tracers add; what is no name of a field is left out."""
        added = {"cache-control", "x-requested-with", "traceparent", "x-my-app"}
        asked = {
            **ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": f"{','.join(sorted(added))}, a b, x:y, {'x' * 200}, Content-Type",
        }

        answer = await request(self.daemon.http, "OPTIONS", "/upload", None, asked)

        allowed = {"authorization", "content-type", "idempotency-key"}
        self.assertEqual((204, added | allowed), (answer.status, names(answer, "Access-Control-Allow-Headers")))


class ConfiguredOrigins(OwnDaemonCase):
    async def test_configured(self) -> None:
        """With configured origins only their pages may read answers, and Vary says so to caches."""
        await self.start('[http]\nallow_origins = ["http://page.example", "http://other.example"]')
        allowed: dict[str, list[str] | None] = {}

        for origin in ("http://page.example", "http://other.example", "http://evil.example"):
            for method in ("POST", "OPTIONS"):
                answer = await request(self.daemon.http, method, "/init/reg", b"{}", {"Origin": origin})
                allowed[f"{method} {origin}"] = answer.headers.getRawHeaders("Access-Control-Allow-Origin")
                self.assertIn("origin", names(answer, "Vary"))

        self.assertEqual(
            {
                "POST http://page.example": ["http://page.example"],
                "OPTIONS http://page.example": ["http://page.example"],
                "POST http://other.example": ["http://other.example"],
                "OPTIONS http://other.example": ["http://other.example"],
                "POST http://evil.example": None,
                "OPTIONS http://evil.example": None,
            },
            allowed,
        )
