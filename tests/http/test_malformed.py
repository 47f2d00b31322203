"""Malformed fields of every call: they are refused, and change nothing.

``bodies`` in ``tests/support/bodies.py`` has a row for each call.
"""

import json
from typing import Any

from attrs import evolve
from twisted.trial.unittest import TestCase

from justchat.http.endpoint import NONE
from tests.support.bodies import KINDS, SESSION_KEY, Scene, a_scene, bodies, each, plain, replaced
from tests.support.chat import ChatTestCase, Person, sign_in
from tests.support.client import call
from tests.support.declared import declared, field_names
from tests.support.servers import headers_of


class Malformed(ChatTestCase):
    async def state(self, scene: Scene) -> Any:
        """Everything that a malformed call might change."""
        anna = scene.anna
        return {
            "user": await anna.shown(),
            "room": (await anna.enter(scene.room)).data["room"],
            "chats": [(await anna.call("/room/chat", room=room)).data for room in (scene.room, scene.other)],
        }

    async def test_malformed(self) -> None:
        """A field of a wrong kind is refused as a client error and changes nothing."""
        scene = await a_scene(self.daemon)
        before = await self.state(scene)
        sessions = {endpoint.path: endpoint.session is not NONE for endpoint in declared()}
        wrong = []

        for path, fields in bodies(scene).items():
            # Must not end, if /init/exit accepts a malformed key.
            person = await sign_in(self.daemon, scene.anna.phone, scene.anna.key)
            body, rows = plain(fields), list(each(fields))
            headers = await headers_of(self.daemon, path)
            if sessions.get(path):
                body["session_key"] = person.session_key
                tolerant = SESSION_KEY
                if path == "/init/exit":  # an unknown key is as good as an ended one
                    tolerant = evolve(SESSION_KEY, takes=frozenset({"word", "long"}))
                rows.append(("session_key", tolerant))
            for name, field in rows:
                for kind, value in KINDS.items():
                    if kind not in field.takes:
                        answer = await call(self.daemon.http, path, replaced(body, name, value), headers)
                        if answer.status != field.expected(kind):
                            wrong.append((path, name, kind, answer.status, field.expected(kind)))

        self.assertEqual([], wrong)
        self.assertEqual(before, await self.state(scene))
        again = await sign_in(self.daemon, scene.anna.phone, scene.anna.key)
        self.assertEqual(scene.anna.id, again.id)

    async def test_missing(self) -> None:
        """Without one of its objects or required fields, a call is 400."""
        scene = await a_scene(self.daemon)
        required = {
            *(("/init/reg", "phone"), ("/init/auth", "phone"), ("/init/auth", "key"), ("/init/edit", "user")),
            *(("/room/create", "room"), ("/room/create", "room.name"), ("/room/enter", "room")),
            *(("/room/enter", "room.id"), ("/room/leave", "room_id"), ("/room/chat", "room")),
            *(("/room/sendMessage", name) for name in ("message", "message.room_id", "message.text")),
        }

        for path, dotted in sorted(required):
            body = json.loads(json.dumps(plain(bodies(scene)[path])))
            *outer, name = dotted.split(".")
            del (body[outer[0]] if outer else body)[name]
            answer = await call(self.daemon.http, path, {"session_key": scene.anna.session_key, **body})

            self.assertEqual(400, answer.status, (path, dotted))
            self.assertIn(dotted, [field["field"] for field in answer.json["fields"]])


class TheTable(TestCase):
    """The table of bodies is complete."""

    def setUp(self) -> None:
        self.bodies = bodies(Scene(Person(None, "1", "1", "1", "1"), "1", "1", "1"))

    def test_calls(self) -> None:
        """Every call has a row."""
        self.assertEqual({endpoint.path for endpoint in declared()}, set(self.bodies))

    def test_fields(self) -> None:
        """Every field of every call is in its row."""
        for endpoint in declared():
            if endpoint.path in self.bodies:
                rows = {name for name, _ in each(self.bodies[endpoint.path])}
                self.assertEqual(field_names(endpoint.body), rows, endpoint.path)
