"""Strings that may break a query, a regular expression, a file name or a header, in every place that takes a string."""

import json
from typing import Any

from tests.support.bodies import a_scene, bodies, each, plain, replaced
from tests.support.chat import ChatTestCase, a_phone
from tests.support.client import call, request
from tests.support.declared import declared
from tests.support.servers import headers_of
from tests.support.wire import exchange

HOSTILE = {
    "NUL": "a\0b",
    "NUL alone": "\0",
    "controls": "".join(map(chr, range(32))) + "\x7f\x80\x9f",
    "line ends": "a\r\nX-Other: 1\r\n\r\n",
    "noncharacters": "\ufffe\uffff\U0010ffff\ufdd0",
    "direction": "\u202e\u2066\u200f",
    "regular expression": "(a+)+$|[\\Q(?{",
    "operator": "$where",
    "dots": "a.$.b..",
    "path": "../../etc/passwd\0.png",
    "code": "'; return true; var x='",
    "template": "{key}{{phone}}%s%(x)s${jndi:x}",
    "marks": "a" + "\u0301" * 2000,
    "expanding": "\ufdfa" * 120,
    "long": "\U0001f600" * 12_000,
}
KEYS: dict[str, Any] = {"$gt": {"$where": 1}, "a.b": 1, "": 1, "\0": "\0", "__proto__": {}, "x" * 10_000: 1}
"""An object of keys that MongoDB, or JavaScript, takes for something else."""
PLACES = (
    *(
        "/uploads/%00",
        "/uploads/a%00b.png",
        "/uploads/%2e%2e/%2e%2e/mongo",
        "/uploads/" + "a" * 300,
        "/uploads/%ff.png",
    ),
    *(
        "/uploads/.",
        "/uploads/..%2fpayments-secret-key",
        "/uploads/con%0d%0a.png",
        "/%00",
        "/openapi.json%00",
        "/$where",
    ),
    *("/room%2fget", "/socket.io/?EIO=4&transport=polling&sid=%00", "/socket.io/?EIO=%00&transport=%00", "/ws%00"),
)
HEADERS = ("Authorization: Bearer {}", "Idempotency-Key: {}", "Origin: {}", "Content-Type: {}", "X-Forwarded-For: {}")


def takes_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


class Hostile(ChatTestCase):
    async def test_fields(self) -> None:
        """A hostile string in any field of any call causes no internal error, and the answer is a declared one."""
        scene = await a_scene(self.daemon)
        wrong = []

        for path, fields in bodies(scene).items():
            body = {**plain(fields), "session_key": scene.anna.session_key}
            if path in ("/init/reg", "/init/auth"):  # not Anna's own: her key is to stay
                body["phone"] = a_phone()
            elif path.startswith("/init/exit"):
                continue
            for name in [*(name for name, field in each(fields) if takes_text(field.value)), "session_key"]:
                for kind, value in HOSTILE.items():
                    answer = await call(self.daemon.http, path, replaced(body, name, value))
                    if answer.status >= 500:
                        wrong.append((path, name, kind, answer.status))

        self.assertEqual([], wrong)

    async def test_sockets(self) -> None:
        """Any first frame of a socket is refused with the right code or accepted, and is never a 500."""
        anna = await self.a_person()

        for kind, value in HOSTILE.items():
            if len(value) > 1000:  # a frame has its own bound
                continue
            for more in ({"session_key": value}, {"session_key": anna.session_key, "room": value, "n": 0, "seq": 0}):
                listener = await self.a_socket()
                listener.say({"event": "init", "data": more})

                self.assertIn((await listener.next())["event"], ("ready", "error"), kind)
            listener = await self.a_socket()
            listener.say({"event": value, "data": {value: value}})
            self.assertEqual(4400, await listener.closed(), kind)

    async def test_keys(self) -> None:
        """Hostile keys, beside a call's fields or instead of them, cause no internal error either."""
        scene = await a_scene(self.daemon)
        wrong = []

        for path, fields in bodies(scene).items():
            if path.startswith("/init/exit"):
                continue
            body = {**plain(fields), "session_key": scene.anna.session_key}
            objects = [name for name, _ in each(fields) if isinstance(fields.get(name), dict)]
            for sent in (KEYS, {**body, **KEYS}, *(replaced(body, name, KEYS) for name in objects)):
                answer = await call(self.daemon.http, path, sent)
                if answer.status >= 500:
                    wrong.append((path, list(sent)[:3], answer.status))
        for key in KEYS:
            answer = await call(
                self.daemon.http, "/room/get", {"session_key": scene.anna.session_key, "sort": {key: 1}}
            )
            if answer.status != 400:
                wrong.append(("/room/get", key, answer.status))

        self.assertEqual([], wrong)

    async def test_surrogates(self) -> None:
        """A lone surrogate is 400 in every call: in a field, in a field's name and in a field that is dropped."""
        for endpoint in declared():
            headers = await headers_of(self.daemon, endpoint.path)
            for body in (
                b'{"x": "\\ud800"}',
                b'{"\\udfff": 1}',
                b'{"session_key": "\\ud83d"}',
                b'{"x": "\\ud800\\u0041"}',
            ):
                answer = await request(self.daemon.http, "POST", endpoint.path, body, headers)

                self.assertEqual(400, answer.status, (endpoint.path, body))

    async def test_places(self) -> None:
        """No path in any form is a 500."""
        for place in PLACES:
            head = f"GET {place} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
            answers = await exchange(self.daemon.http, head)

            self.assertEqual([], [answer.status for answer in answers if not 400 <= answer.status < 500], place)

    async def test_headers(self) -> None:
        """No header's value is a 500."""
        body = json.dumps({"phone": "79223438450", "key": "1"}).encode()
        for header in HEADERS:
            for value in (b"\xff\xfe", b"\xd0\xb0", b"$where", b"a" * 5000, b"\x01\x7f", b"%00", b'"', b";;,,"):
                line = header.encode().replace(b"{}", value)
                head = b"POST /init/auth HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\nContent-Length: %d\r\n\r\n%s"
                answers = await exchange(self.daemon.http, head % (line, len(body), body))

                self.assertEqual([], [answer.status for answer in answers if answer.status >= 500], line[:40])
