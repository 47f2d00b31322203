"""Requests' bodies: JSON objects of a bounded size."""

import json

from twisted.trial.unittest import TestCase

from tests.support.chat import ChatTestCase, a_phone
from tests.support.client import request
from tests.support.wire import a_request, exchange

LIMIT = 64 * 1024
NOT_OBJECTS = {
    "empty": b"",
    "blank": b" \r\n ",
    "cut off": b'{"phone": "7922',
    "two": b"{} {}",
    "single quotes": b"{'phone': '1'}",
    "form": b"phone=79223438450&key=1",
    "list": b"[]",
    "null": b"null",
    "number": b"1",
    "string": b'"phone"',
    "not UTF-8": b'{"phone": "\xff\xfe"}',
    "UTF-16": '{"phone": "1"}'.encode("utf-16"),
    "NaN": b'{"phone": "79223438450", "key": "1", "a": NaN}',
    "Infinity": b'{"phone": "79223438450", "key": "1", "a": -Infinity}',
    "lone surrogate": b'{"phone": "79223438450", "key": "\\ud800"}',
    "lone surrogate in a name": b'{"phone": "79223438450", "key": "1", "\\ud800": 1}',
    "control character": b'{"phone": "79223438450", "key": "\n"}',
    "deep list": b'{"phone": "79223438450", "key": "1", "a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "deep object": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "deep and cut off": b"[" * 60_000,
    "endless number": b'{"phone": ' + b"9" * 60_000 + b', "key": 1}',
}


def a_body(size: int) -> bytes:
    """A well-formed body of /init/auth of so many bytes, which is answered 401."""
    start = json.dumps({"phone": a_phone(), "key": "1", "pad": ""}).encode()
    return start[:-2] + b"x" * (size - len(start)) + start[-2:]


def chunked(body: bytes, *, ended: bool = True, size: int = 10_000) -> bytes:
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    said = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    head = a_request("POST /init/auth", "Transfer-Encoding: chunked", last=True)
    return head + said + (b"0\r\n\r\n" if ended else b"")


class Bodies(ChatTestCase):
    async def test_content_type(self) -> None:
        """The body is read as JSON whatever its Content-Type says."""
        body = json.dumps({"phone": a_phone(), "key": "1"}).encode()

        for kind in (
            None,
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "text/plain; charset=utf-16",
            "nonsense",
        ):
            answer = await request(
                self.daemon.http, "POST", "/init/auth", body, {"Content-Type": kind} if kind else None
            )

            self.assertEqual(401, answer.status, kind)

    async def test_no_object(self) -> None:
        """A body that is not a JSON object in UTF-8 is 400."""
        statuses = {
            kind: (await request(self.daemon.http, "POST", "/init/auth", body)).status
            for kind, body in NOT_OBJECTS.items()
        }

        self.assertEqual(dict.fromkeys(NOT_OBJECTS, 400), statuses)

    async def test_crumbs(self) -> None:
        """Few chunks may be tiny. Many must not be, for any path: to read a byte in a chunk of its own takes long."""
        whole = a_body(60_000)
        taken = [
            [answer.status for answer in await exchange(self.daemon.http, chunked(body, size=size))]
            for body, size in ((a_body(900), 1), (whole, 40), (whole, 1))
        ]
        elsewhere = [
            (await exchange(self.daemon.http, chunked(whole, size=1).replace(b"/init/auth", path)))[0].status
            for path in (b"/upload", b"/nothing")
        ]

        self.assertEqual([[401], [401], [400]], taken)
        self.assertEqual([400, 404], elsewhere)

    async def test_long_lists(self) -> None:
        """What is too long is refused as a whole: its elements, maybe thousands of errors, are not looked at."""
        for path, field, value in (
            ("/init/invite", "phons", [1] * 20_000),
            ("/init/invite", "phones", [79223438450] * 5_000),
            ("/init/getUsers", "user_ids", [1] * 20_000),
            ("/room/get", "sort", {f"x{number}": 2 for number in range(5_000)}),
        ):
            answer = await request(self.daemon.http, "POST", path, json.dumps({field: value}).encode())

            self.assertEqual((400, [field]), (answer.status, [wrong["field"] for wrong in answer.json["fields"]]))

    async def test_byte_order_mark(self) -> None:
        """A body may begin with a byte order mark, by either way (RFC 8259, section 8.1)."""
        body = b"\xef\xbb\xbf" + json.dumps({"phone": a_phone(), "key": "1"}).encode()

        answers = await exchange(
            self.daemon.http,
            a_request("POST /init/auth", body=body)
            + a_request("POST /init/auth", "Content-Encoding: identity", body=body)
            + a_request("POST /init/auth", body=b"\xef\xbb\xbf" + body, last=True),
        )

        self.assertEqual([401, 401, 400], [answer.status for answer in answers])

    async def test_no_body(self) -> None:
        """A POST that has no body at all is 400."""
        [answer] = await exchange(self.daemon.http, a_request("POST /init/auth", last=True))

        self.assertEqual(400, answer.status)


class Sizes(ChatTestCase):
    async def test_largest(self) -> None:
        """A body of exactly 64 KiB is taken."""
        answer = await request(self.daemon.http, "POST", "/init/auth", a_body(LIMIT))

        self.assertEqual(401, answer.status)

    async def test_largest_chunked(self) -> None:
        """A chunked body of exactly 64 KiB is taken."""
        [answer] = await exchange(self.daemon.http, chunked(a_body(LIMIT)))

        self.assertEqual(401, answer.status)

    async def test_too_large(self) -> None:
        """A body of one byte more is 413."""
        answer = await request(self.daemon.http, "POST", "/init/auth", a_body(LIMIT + 1))

        self.assertEqual(413, answer.status)

    async def test_too_large_chunked(self) -> None:
        """A chunked body of one byte more is 413."""
        [answer] = await exchange(self.daemon.http, chunked(a_body(LIMIT + 1)))

        self.assertEqual(413, answer.status)

    async def test_connection_goes_on(self) -> None:
        """After a body that was a little too large the connection goes on."""
        answers = await exchange(
            self.daemon.http,
            a_request("POST /init/auth", body=a_body(LIMIT + 1)) + a_request("GET /livez", last=True),
        )

        self.assertEqual([413, 200], [answer.status for answer in answers])

    async def test_gigantic(self) -> None:
        """A gigantic Content-Length is 413 at once, before any of the body has come."""
        [answer] = await exchange(self.daemon.http, a_request("POST /init/auth", "Content-Length: 1000000000000"))

        self.assertEqual(413, answer.status)
        self.assertEqual(answer.line.split(" ", 2)[2], answer.json["error"])

    async def test_endless(self) -> None:
        """A chunked body without end is 413 before it ends."""
        [answer] = await exchange(self.daemon.http, chunked(b"x" * LIMIT * 8 + b"x", ended=False))

        self.assertEqual(413, answer.status)

    async def test_unknown_path(self) -> None:
        """A body that is too large for an unknown path is 404 or 413, not 500."""
        answer = await request(self.daemon.http, "POST", "/nothing", a_body(LIMIT + 1))

        self.assertIn(answer.status, (404, 413))


class TestsOfTheTests(TestCase):
    def test_size(self) -> None:
        """The bodies are of the size that they are said to be."""
        self.assertEqual(LIMIT, len(a_body(LIMIT)))
