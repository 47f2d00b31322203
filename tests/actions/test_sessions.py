"""Session keys, and the order in which a call is checked."""

import json
import secrets

from tests.support.chat import ChatTestCase, a_room
from tests.support.client import Answer, call, request
from tests.support.wire import NOBODY

CALLS = {
    "/init/edit": {"user": {}},
    "/init/getUser": {},
    "/room/create": {"room": {"name": "a room"}},
    "/room/enter": {"room": {"id": NOBODY}},
    "/room/leave": {"room_id": NOBODY},
    "/room/sendMessage": {"message": {"room_id": NOBODY, "text": "hello"}},
    "/room/chat": {"room": NOBODY},
}
"""The calls that take a session, but for /init/exit, which does not mind an unknown one."""


class Keys(ChatTestCase):
    async def statuses(self, **key: object) -> dict[str, int]:
        """The status of each call with this session key."""
        return {path: (await call(self.daemon.http, path, {**body, **key})).status for path, body in CALLS.items()}

    async def test_missing(self) -> None:
        """A call without a session_key is 440."""
        self.assertEqual(dict.fromkeys(CALLS, 440), await self.statuses())

    async def test_null(self) -> None:
        """A session_key of null counts as missing: 440."""
        self.assertEqual(dict.fromkeys(CALLS, 440), await self.statuses(session_key=None))

    async def test_unknown(self) -> None:
        """An unknown session_key is 440, of whatever form."""
        for key in (secrets.token_hex(24), "", " ", "x" * 10_000, "ключ", "\0"):
            self.assertEqual(dict.fromkeys(CALLS, 440), await self.statuses(session_key=key), key[:50])

    async def test_ended(self) -> None:
        """The session_key of a session that was ended is 440."""
        anna = await self.a_person()
        await anna.call("/init/exit")

        self.assertEqual(dict.fromkeys(CALLS, 440), await self.statuses(session_key=anna.session_key))

    async def test_wrong_type(self) -> None:
        """A session_key that is no string is 400, and the error names the field."""
        for key in (5, 1.5, True, [], ["x"], {}, {"$gt": ""}):
            for path, body in {**CALLS, "/init/exit": {}}.items():
                answer = await call(self.daemon.http, path, {**body, "session_key": key})

                self.assertEqual(400, answer.status, (path, key))
                self.assertEqual(["session_key"], [wrong["field"] for wrong in answer.json["fields"]])


class Bearer(ChatTestCase):
    async def get_user(self, authorization: str, **body: str) -> Answer:
        headers = {"Authorization": authorization}
        return await request(self.daemon.http, "POST", "/init/getUser", json.dumps(body).encode(), headers)

    async def test_bearer(self) -> None:
        """``Authorization: Bearer KEY`` stands for a session_key in the body; the scheme's case does not matter."""
        anna = await self.a_person()

        for scheme in ("Bearer", "bearer"):
            answer = await self.get_user(f"{scheme} {anna.session_key}")

            self.assertEqual((200, anna.id), (answer.status, answer.data["user"]["_id"]))

    async def test_unknown(self) -> None:
        """An unknown or empty Bearer key, or another scheme, is 440."""
        anna = await self.a_person()

        for authorization in ("Bearer nobody", "Bearer", "Bearer ", f"Basic {anna.session_key}", anna.session_key):
            answer = await self.get_user(authorization)

            self.assertEqual(440, answer.status, authorization)

    async def test_both(self) -> None:
        """The key in the body takes precedence over the header."""
        anna, boris = await self.a_person(), await self.a_person()

        answers = [
            await self.get_user(f"Bearer {anna.session_key}", session_key=anna.session_key),
            await self.get_user("Bearer nobody", session_key=anna.session_key),
            await self.get_user(f"Bearer {boris.session_key}", session_key=anna.session_key),
        ]

        self.assertEqual([anna.id] * 3, [answer.data["user"]["_id"] for answer in answers])

    async def test_exit(self) -> None:
        """A Bearer key ends its session."""
        anna = await self.a_person()

        answer = await request(
            self.daemon.http, "POST", "/init/exit", b"{}", {"Authorization": f"Bearer {anna.session_key}"}
        )

        self.assertEqual((200, {}), (answer.status, answer.json))
        self.assertEqual(440, (await anna.call("/init/getUser")).status)


class OrderOfChecks(ChatTestCase):
    async def test_shape_before_session(self) -> None:
        """A body of the wrong shape is 400, with and without a session."""
        for path, body in (
            ("/init/edit", {"user": 5}),
            ("/init/getUser", {"user_id": 5}),
            ("/room/create", {"room": {}}),
            ("/room/enter", {"room": {"id": {}}}),
            ("/room/leave", {}),
            ("/room/sendMessage", {"message": {"room_id": NOBODY, "text": ""}}),
            ("/room/chat", {"room": NOBODY, "limit": 0}),
        ):
            answer = await call(self.daemon.http, path, {**body, "session_key": "nobody's"})

            self.assertEqual(400, answer.status, path)

    async def test_session_before_object(self) -> None:
        """Without a session nothing is revealed: 440 comes before 404."""
        anna = await self.a_person()
        room = await a_room(anna)

        for id in (NOBODY, room):
            answer = await call(self.daemon.http, "/room/chat", {"session_key": "nobody's", "room": id})

            self.assertEqual(440, answer.status)

    async def test_object_before_right(self) -> None:
        """A message that does not exist is 404, even for a user who may not send here."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna)

        answer = await boris.say(room, "as you said", ref_message=NOBODY)

        self.assertEqual(404, answer.status)

    async def test_right_before_state(self) -> None:
        """A wrong password at a full room is 401, not 409."""
        anna, boris = await self.a_person(), await self.a_person()
        room = await a_room(anna, anna, password="sesame", max_users=1)

        answers = [await boris.enter(room, password=password) for password in ("wrong", "sesame")]

        self.assertEqual([401, 409], [answer.status for answer in answers])
