"""429: callers that call too often, and others that share their address or proxy."""

import itertools
import json

from tests.support.chat import a_person, a_phone, last_sms
from tests.support.client import Answer, call, request
from tests.support.servers import a_key
from tests.support.wire import SettingsCase, a_request, exchange

RATES = """
[http]
proxies = ["127.0.0.0/8"]
[limits]
sign_in = "4/minute"
send = "3/minute"
moderate = "2/minute"
read = "2/hour"
upload = "1/minute"
share = 2
"""
_addresses = (f"198.51.100.{n}" for n in itertools.count(1))


def behind(address: str) -> dict[str, str]:
    """The header by which a proxy names this address."""
    return {"X-Forwarded-For": f"203.0.113.99, {address}"}


class RatesCase(SettingsCase):
    async def read(self, key: str, address: str) -> Answer:
        return await call(self.daemon.http, "/init/getUser", {"session_key": key}, behind(address))

    async def session(self, address: str) -> str:
        phone = a_phone()
        registered = await call(self.daemon.http, "/init/reg", {"phone": phone}, behind(address))
        self.assertEqual(201, registered.status)
        digits = "".join(filter(str.isdigit, last_sms(self.daemon, phone)))
        signed_in = await call(self.daemon.http, "/init/auth", {"phone": phone, "key": digits}, behind(address))
        key: str = signed_in.data["session_key"]
        return key


class RatesTests(RatesCase):
    settings = RATES

    async def test_session(self) -> None:
        """Each session has its own rate by class of call, whatever its address, and the headers show it."""
        home = next(_addresses)
        anna, boris = await self.session(home), await self.session(home)

        answers = [await self.read(anna, next(_addresses)) for _ in range(3)]

        self.assertEqual([200, 200, 429], [answer.status for answer in answers])
        refused = answers[-1]
        headers = {name: (refused.headers.getRawHeaders(name) or [""])[0] for name in ("Retry-After", "RateLimit")}
        self.assertEqual("too-many-requests", refused.code)
        self.assertIn(int(headers["Retry-After"]), range(1700, 1801))
        self.assertEqual(f'"read";r=0;t={headers["Retry-After"]}', headers["RateLimit"])
        self.assertEqual(['"read";q=2;w=3600'], refused.headers.getRawHeaders("RateLimit-Policy"))
        self.assertEqual(200, (await self.read(boris, home)).status)
        changed = await call(self.daemon.http, "/init/edit", {"session_key": anna, "user": {}}, behind(home))
        self.assertEqual(200, changed.status)

    async def test_sending(self) -> None:
        """A message over the limit is refused and not stored."""
        anna = await self.session(next(_addresses))
        body = {"session_key": anna, "room": {"name": "a room"}}
        room = (await call(self.daemon.http, "/room/create", body)).data["room"]["_id"]
        await call(self.daemon.http, "/room/enter", {"session_key": anna, "room": {"id": room}})

        said = {"session_key": anna, "message": {"room_id": room, "text": "x"}}
        statuses = [
            (await call(self.daemon.http, "/room/sendMessage", said, behind(next(_addresses)))).status for _ in range(5)
        ]

        self.assertEqual([200, 200, 200, 429, 429], statuses)
        chat = await call(self.daemon.http, "/room/chat", {"session_key": anna, "room": room}, behind(next(_addresses)))
        self.assertEqual(["x", "x", "x"], [entry["text"] for entry in chat.data["chat"] if entry["type"] is None])

    async def test_moderating(self) -> None:
        """What a person does by their rank in a room has one rate, whichever calls it takes."""
        anna = {"session_key": await self.session(next(_addresses))}
        created = await call(self.daemon.http, "/room/create", {**anna, "room": {"name": "a room"}})
        room = created.data["room"]["_id"]
        await call(self.daemon.http, "/room/enter", {**anna, "room": {"id": room}})
        said = await call(self.daemon.http, "/room/sendMessage", {**anna, "message": {"room_id": room, "text": "x"}})

        deeds = [
            ("/room/edit", {"room": {"id": room, "slow_mode": 1}}),
            ("/room/remove-message", {"message": said.data["message"]["_id"]}),
            ("/room/edit", {"room": {"id": room, "slow_mode": 2}}),
        ]
        statuses = [(await call(self.daemon.http, path, {**anna, **body})).status for path, body in deeds]

        self.assertEqual([200, 200, 429], statuses)

    async def test_address(self) -> None:
        """An address's rate counts all calls, also malformed ones; another address has its own."""
        address = next(_addresses)

        statuses = [(await self.read("no key", address)).status for _ in range(5)]

        self.assertEqual([440, 440, 440, 440, 429], statuses)
        self.assertEqual(440, (await self.read("no key", next(_addresses))).status)

    async def test_sign_in(self) -> None:
        """Signing up and in is counted by address."""
        address = next(_addresses)

        wrong = {"phone": a_phone(), "key": "123456"}
        statuses = [(await call(self.daemon.http, "/init/auth", wrong, behind(address))).status for _ in range(5)]

        self.assertEqual([401] * 4 + [429], statuses)

    async def test_uploads(self) -> None:
        """Uploads, which come by the Site, are counted."""
        address = next(_addresses)

        answers = [await request(self.daemon.http, "POST", "/upload", b"no picture", behind(address)) for _ in range(3)]

        self.assertEqual([415, 415, 429], [answer.status for answer in answers])
        self.assertEqual(['"upload-address";q=2;w=60'], answers[-1].headers.getRawHeaders("RateLimit-Policy"))

    async def test_both_ways(self) -> None:
        """Requests that the Site serves are counted with the others."""
        address = next(_addresses)
        chunked = a_request(
            "POST /init/getUser",
            *("Transfer-Encoding: chunked", f"X-Forwarded-For: {address}", "Connection: close"),
        )
        chunked += b"2\r\n{}\r\n0\r\n\r\n"

        for _ in range(2):
            await self.read("no key", address)
        odd = [(await exchange(self.daemon.http, chunked))[0] for _ in range(3)]

        self.assertEqual([440, 440, 429], [answer.status for answer in odd])
        self.assertEqual("too-many-requests", json.loads(odd[-1].body)["code"])
        self.assertIn("ratelimit", odd[-1].headers)
        self.assertEqual(429, (await self.read("no key", address)).status)


class ServerTests(RatesCase):
    settings = """
[http]
proxies = ["127.0.0.0/8"]
[limits]
server = "2/hour"
"""

    async def made(self, key: str, address: str) -> Answer:
        headers = {**behind(address), "Authorization": f"Bearer {key}"}
        return await call(self.daemon.http, "/server/users/search", {"name": "a"}, headers)

    async def test_key_and_address(self) -> None:
        """Each server key has its own rate, whatever its address, and so has each address, whatever the key."""
        home, away, elsewhere = (next(_addresses) for _ in range(3))
        first, second = [await a_key(self.daemon, name, "--scope", "users") for name in ("first", "second")]

        allowed = [await self.made(first, home) for _ in range(2)]
        by_key, by_address = await self.made(first, away), await self.made(second, home)
        other = await self.made(second, elsewhere)

        self.assertEqual([200, 200, 200], [answer.status for answer in (*allowed, other)])
        for refused, name in ((by_key, "server"), (by_address, "server-address")):
            self.assertEqual((429, "too-many-requests"), (refused.status, refused.code))
            self.assertEqual([f'"{name}";q=2;w=3600'], refused.headers.getRawHeaders("RateLimit-Policy"))
            self.assertIn(int((refused.headers.getRawHeaders("Retry-After") or ["0"])[0]), range(1500, 1801))

    async def test_calls_of_users(self) -> None:
        """Calls of users at the same address are not counted with them."""
        address = next(_addresses)
        key = await a_key(self.daemon, "third", "--scope", "users")
        session = await self.session(address)

        statuses = [(await self.made(key, address)).status for _ in range(3)]

        self.assertEqual([200, 200, 429], statuses)
        self.assertEqual(200, (await self.read(session, address)).status)


class LoopbackTests(RatesCase):
    settings = '[limits]\nread = "1/hour"\n'

    async def test_counted(self) -> None:
        """By default no address is exempt, not even loopback."""
        anna = await a_person(self.daemon)

        self.assertEqual([200, 429], [(await anna.call("/init/getUser")).status for _ in range(2)])

    async def test_unnamed_proxy(self) -> None:
        """A proxy that [http] proxies does not name is warned of once, whatever header it writes, and is one caller."""
        [first, other] = [{"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "192.0.2.2"}]
        body = {"session_key": "nobody's"}

        answers = [await call(self.daemon.http, "/init/getUser", body, head) for head in (first, other, other)]

        self.assertEqual([440] + [440] * 2, [answer.status for answer in answers])
        self.assertEqual(1, self.daemon.log.count("not among [http] proxies"))


class OtherHeaderTests(RatesCase):
    settings = '[limits]\nread = "2/hour"\n'

    async def test_other_header(self) -> None:
        """So is one that writes the header which is not looked at, by the short way and by the long one."""
        said = a_request("POST /init/getUser", "Forwarded: for=192.0.2.1", body=b"{}")
        for request_ in (said, a_request("GET /livez", "Forwarded: for=192.0.2.1", last=True)):
            await exchange(
                self.daemon.http, request_ if b"livez" in request_ else request_ + a_request("GET /livez", last=True)
            )

        self.assertEqual(1, self.daemon.log.count("not among [http] proxies"))

    async def test_proxy_protocol(self) -> None:
        """The PROXY protocol on a port that does not expect it is warned of."""
        await exchange(self.daemon.http, b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 443\r\n" + a_request("GET /livez"))

        self.assertIn("PROXY protocol", self.daemon.log)


class ExemptTests(RatesCase):
    settings = '[limits]\nexempt = ["127.0.0.0/8"]\nsign_in = "1/hour"\nread = "1/hour"\n'

    async def test_exempt(self) -> None:
        """Networks that are named are not counted."""
        anna, _ = await a_person(self.daemon), await a_person(self.daemon)

        self.assertEqual([200] * 5, [(await anna.call("/init/getUser")).status for _ in range(5)])


class DisabledTests(RatesCase):
    settings = """
[http]
proxies = ["127.0.0.0/8"]
[limits]
enabled = false
read = "1/hour"
wrong_keys_per_address = ["1/hour"]
wrong_keys_per_phone = ["1/hour"]
sms_per_phone = ["1/minute"]
sms_in_all = ["1/day"]
"""

    async def test_disabled(self) -> None:
        """``enabled = false`` switches off rates, limits of SMS and of wrong keys, but not the five tries of a key."""
        address = next(_addresses)
        anna, phone = await self.session(address), a_phone()

        read = [(await self.read(anna, address)).status for _ in range(5)]
        registered = [
            (await call(self.daemon.http, "/init/reg", {"phone": phone}, behind(address))).status for _ in range(3)
        ]
        key = "".join(filter(str.isdigit, last_sms(self.daemon, phone)))
        keys = ["1" + key] * 5 + [key]
        tried = [
            (await call(self.daemon.http, "/init/auth", {"phone": phone, "key": key}, behind(address))).status
            for key in keys
        ]

        self.assertEqual(([200] * 5, [201, 200, 200], [401] * 6), (read, registered, tried))
