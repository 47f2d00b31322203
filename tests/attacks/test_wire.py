"""Requests that two readers might read differently, and values meant for the database or the interpreter, by both ways.

What is refused is a 4xx or a closed connection, and nothing hidden in a request is ever carried out as a second one.
"""

import re
from pathlib import Path

from tests.support.chat import ChatTestCase
from tests.support.client import request
from tests.support.wire import a_request, exchange

BODY = b'{"phone": "79223438450", "key": "1"}'
"""Of /init/auth; its answer is 401."""
HIDDEN = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
"""Its answer, 200, shows that it was taken for a request."""
START = b"POST /init/auth HTTP/1.1\r\nHost: localhost\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLING = {
    "CL and TE": START + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN,
    "TE and CL": START + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two lengths": START + b"Content-Length: 0\r\n" + LENGTH + b"\r\n" + HIDDEN,
    "two lengths in one": START + b"Content-Length: 0, 36\r\n\r\n" + HIDDEN,
    "signed length": START + b"Content-Length: +0\r\n\r\n" + HIDDEN,
    "negative length": START + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    "length in hex": START + b"Content-Length: 0x0\r\n\r\n" + HIDDEN,
    "length with an underscore": START + b"Content-Length: 0_0\r\n\r\n" + HIDDEN,
    "endless length": START + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n" + HIDDEN,
    "xchunked": START + b"Transfer-Encoding: xchunked\r\n\r\n" + HIDDEN,
    "identity and chunked": START + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two encodings": START + CHUNKED + b"Transfer-Encoding: x\r\n\r\n0\r\n\r\n" + HIDDEN,
    "folded": START + b"Transfer-Encoding:\r\n chunked\r\n" + LENGTH + b"\r\n0\r\n\r\n" + HIDDEN,
    "space before colon": START + b"Content-Length : 0\r\n\r\n" + HIDDEN,
    "space before TE's colon": START + b"Transfer-Encoding : chunked\r\n" + LENGTH + b"\r\n0\r\n\r\n" + HIDDEN,
    "negative chunk": START + CHUNKED + b"\r\n-1\r\n\r\n" + HIDDEN,
    "chunk in 0x": START + CHUNKED + b"\r\n0x0\r\n\r\n" + HIDDEN,
    "chunk longer than said": START + CHUNKED + b"\r\n1\r\nxx\r\n0\r\n\r\n" + HIDDEN,
    "null in a name": START + b"X\0: 1\r\n" + LENGTH + b"\r\n" + BODY + HIDDEN,
}
FIELDS = {
    "duplicate operator": b'{"phone": "79223438450", "key": "1", "key": {"$gt": ""}}',
    "where": b'{"phone": {"$where": "sleep(9999)"}, "key": "1"}',
    "regex": b'{"phone": "79223438450", "key": {"$regex": ".*"}}',
    "1e999": b'{"phone": 1e999, "key": "1"}',
    "5000 digits": b'{"phone": "79223438450", "key": ' + b"9" * 50_000 + b"}",
    "5000 digits in a string": b'{"phone": "' + b"9" * 50_000 + b'", "key": "1"}',
    "null byte in a phone": b'{"phone": "7922343\\u00008450", "key": "1"}',
    "30,000 brackets": b'{"phone": ' + b"[" * 30_000 + b"]" * 30_000 + b', "key": "1"}',
}
IGNORED = {
    "prototype": b'{"phone": "79223438450", "key": "1", "__proto__": {"admin": true}}',
    "constructor": b'{"phone": "79223438450", "key": "1", "constructor": {"prototype": {"x": 1}}}',
    "dotted": b'{"phone": "79223438450", "key": "1", "a.b": 1, "$set": {"balance": 9}}',
}


class Smuggling(ChatTestCase):
    async def test_one_reading(self) -> None:
        """A request that can be read in two ways is refused, and its connection closed: nothing hides in it."""
        for port in (self.daemon.http, self.daemon.websocket):
            taken = {}
            for name, said in SMUGGLING.items():
                answers = [answer.status for answer in await exchange(port, said)]
                if not all(400 <= status < 600 and status != 500 for status in answers) or len(answers) > 1:
                    taken[name] = answers

            self.assertEqual({}, taken)


class Values(ChatTestCase):
    async def test_refused(self) -> None:
        """Operators, numbers without end and nesting without end are 400 on both ways; the daemon stays as it is."""
        process = self.daemon.process
        assert process is not None
        await self.refuse_all()  # what a daemon makes at its start, or at the first use, is no growth

        before = resident(process.pid)
        await self.refuse_all()

        self.assertIsNone(process.poll())
        self.assertEqual(200, (await request(self.daemon.http, "GET", "/livez")).status)
        self.assertLess(resident(process.pid) - before, 16 * 1024)

    async def refuse_all(self) -> None:
        for more in ((), ("Content-Encoding: identity",)):
            for bodies, status in ((FIELDS, 400), (IGNORED, 401)):
                for name, body in bodies.items():
                    [answer] = await exchange(
                        self.daemon.http, a_request("POST /init/auth", *more, body=body, last=True)
                    )

                    self.assertEqual(status, answer.status, (name, more))


def resident(pid: int) -> int:
    """KiB that a process has in memory."""
    return int(re.findall(r"^Rss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[0])
