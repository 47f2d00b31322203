"""Idempotency-Key: a call that is sent again is answered as the first time, and carried out once."""

import json
from codecs import BOM_UTF8
from collections import Counter

from attrs import evolve

from tests.support.chat import ChatTestCase, a_phone, a_room, keyed
from tests.support.client import call, request
from tests.support.daemon import Daemon
from tests.support.mongo import empty_uri
from tests.support.waiting import at_once
from tests.support.wire import a_request, exchange


class Idempotency(ChatTestCase):
    async def test_first_answer(self) -> None:
        """The same call under the same key gives the first answer, and makes one room."""
        anna = await self.a_person()

        first = await keyed(anna, "k", "/room/create", room={"name": "once"})
        again = await keyed(anna, "k", "/room/create", room={"name": "once"})

        self.assertEqual((201, first.json), (again.status, again.json))
        self.assertEqual(1, len((await anna.shown())["rooms"]))

    async def test_error(self) -> None:
        """An error that the call raises is a first answer, too."""
        anna = await self.a_person()
        room = await a_room(anna)

        first = await keyed(anna, "k", "/room/sendMessage", message={"room_id": room, "text": "x"})
        await anna.enter(room)
        again = await keyed(anna, "k", "/room/sendMessage", message={"room_id": room, "text": "x"})

        self.assertEqual((403, first.json), (again.status, again.json))

    async def test_too_soon(self) -> None:
        """A 429 of the call itself is no first answer: what is sent again after the wait is carried out."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, boris, slow_mode=3600)
        await boris.say(room, "one")
        message = {"room_id": room, "text": "two"}

        first = await keyed(boris, "k", "/room/sendMessage", message=message)
        await anna.call("/room/edit", room={"id": room, "slow_mode": 0})
        again = await keyed(boris, "k", "/room/sendMessage", message=message)

        self.assertEqual([(429, "slow-mode"), 200], [(first.status, first.code), again.status])

    async def test_another_body(self) -> None:
        """Another request under the key is refused, whether its body or its path differs."""
        anna = await self.a_person()
        room = await a_room(anna)
        await keyed(anna, "k", "/room/enter", room={"id": room})

        other_body = await keyed(anna, "k", "/room/enter", room={"id": room, "password": "x"})
        other_path = await keyed(anna, "k", "/room/remove", room={"id": room})

        self.assertEqual([(422, "key-reused")] * 2, [(each.status, each.code) for each in (other_body, other_path)])

    async def test_written_otherwise(self) -> None:
        """The order of fields and the place of the session key do not make another request."""
        anna = await self.a_person()
        headers = {"Idempotency-Key": "k", "Authorization": f"Bearer {anna.session_key}"}

        first = await keyed(anna, "k", "/room/create", room={"name": "a", "max_users": 3})
        again = await call(self.daemon.http, "/room/create", {"room": {"max_users": 3, "name": "a"}}, headers)

        self.assertEqual(first.json, again.json)

    async def test_byte_order_mark(self) -> None:
        """A body that begins with a byte order mark is the same request as one without."""
        body, headers = json.dumps({"phone": a_phone()}).encode(), {"Idempotency-Key": a_phone()}

        answers = [
            await request(self.daemon.http, "POST", "/init/reg", mark + body, headers) for mark in (BOM_UTF8, b"")
        ]

        self.assertEqual([201, 201], [answer.status for answer in answers])

    async def test_spaces(self) -> None:
        """Spaces around the key are none of it (RFC 9110, section 5.5), by either way."""
        body, key = json.dumps({"phone": a_phone()}).encode(), a_phone()

        answers = await exchange(
            self.daemon.http,
            a_request("POST /init/reg", f"Idempotency-Key:  {key} \t", body=body)
            + a_request(
                "POST /init/reg", f"Idempotency-Key:\t{key} ", "Content-Encoding: identity", body=body, last=True
            ),
        )

        self.assertEqual([201, 201], [answer.status for answer in answers])

    async def test_at_once(self) -> None:
        """Of simultaneous calls one is carried out; the others get its answer or 409."""
        anna = await self.a_person()

        answers = await at_once(keyed(anna, "k", "/room/create", room={"name": "a"}) for _ in range(20))

        self.assertLessEqual({answer.status for answer in answers}, {201, 409})
        self.assertLessEqual({answer.code for answer in answers if answer.status == 409}, {"in-progress"})
        self.assertEqual(1, len({json.dumps(answer.json) for answer in answers if answer.status == 201}))
        self.assertEqual(1, len((await anna.shown())["rooms"]))

    async def test_sessions(self) -> None:
        """Idempotency keys are separate for each session."""
        anna, boris = await self.a_person(), await self.a_person()

        answers = [await keyed(each, "k", "/room/create", room={"name": each.phone}) for each in (anna, boris)]

        self.assertEqual([201, 201], [answer.status for answer in answers])

    async def test_malformed_key(self) -> None:
        """A key that is empty, too long or no visible ASCII is a wrong field."""
        anna = await self.a_person()
        for key in ("", "x" * 129, "a b", "é"):
            answer = await keyed(anna, key, "/room/create", room={"name": "a"})

            self.assertEqual((400, "Idempotency-Key"), (answer.status, answer.json["fields"][0]["field"]), key)

    async def test_not_kept(self) -> None:
        """A request of a wrong shape can be corrected and sent under the same key."""
        anna = await self.a_person()

        wrong = await keyed(anna, "k", "/room/create", room={})
        mended = await keyed(anna, "k", "/room/create", room={"name": "a"})

        self.assertEqual([400, 201], [wrong.status, mended.status])

    async def test_reading(self) -> None:
        """A call that reads ignores the header."""
        anna = await self.a_person()
        before = await keyed(anna, "k", "/init/getUser")
        await anna.call("/init/edit", user={"nickname": "anna"})

        after = await keyed(anna, "k", "/init/getUser")

        self.assertNotEqual(before.json, after.json)

    async def test_without_session(self) -> None:
        """Signing up again under a key returns the first answer, and makes no new sign-in key."""
        phone, headers = a_phone(), {"Idempotency-Key": a_phone()}

        answers = [await call(self.daemon.http, "/init/reg", {"phone": phone}, headers) for _ in range(2)]

        self.assertEqual([201, 201], [answer.status for answer in answers])
        outbox = (self.daemon.data / "sms-outbox.jsonl").read_text().splitlines()
        self.assertEqual(1, Counter(json.loads(line)["phone"] for line in outbox)[phone])


class Daemons(ChatTestCase):
    async def setUp(self) -> None:
        self._logged, self._listeners = 0, []
        uri = empty_uri()
        self.daemon, self.other = Daemon("--mongo", uri), Daemon("--mongo", uri)
        await at_once(daemon.start() for daemon in (self.daemon, self.other))

    async def tearDown(self) -> None:
        await super().tearDown()
        for daemon in (self.daemon, self.other):
            await daemon.stop()
            daemon.remove()

    async def test_two(self) -> None:
        """Sent to two daemons at once, a call is carried out by one."""
        anna = await self.a_person()
        both = [anna, evolve(anna, daemon=self.other)]

        answers = await at_once(keyed(each, "k", "/room/create", room={"name": "a"}) for each in both * 10)

        self.assertLessEqual({answer.status for answer in answers}, {201, 409})
        self.assertEqual(1, len((await anna.shown())["rooms"]))

    async def test_restart(self) -> None:
        """The first answer is kept after a restart of the daemon."""
        anna = await self.a_person()
        first = await keyed(anna, "k", "/room/create", room={"name": "a"})
        await self.daemon.kill()
        await self.daemon.start()

        again = await keyed(anna, "k", "/room/create", room={"name": "a"})

        self.assertEqual(first.json, again.json)
