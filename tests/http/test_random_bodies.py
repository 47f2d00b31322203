"""Random bodies: whatever a client sends, no call answers 500 or anything undeclared.

``make fuzz`` sends more. A failure names what was sent, in its shortest form, and how to repeat it.
"""

import http.client
import json
import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import BaseModel
from twisted.internet.threads import deferToThread

from justchat.http.endpoint import Endpoint
from tests.support.bodies import JSON
from tests.support.chat import ChatTestCase, a_room
from tests.support.client import request
from tests.support.declared import declared, inner_model
from tests.support.schema import assert_allowed
from tests.support.servers import headers_of
from tests.support.waiting import PATIENCE

BODIES = int(os.environ.get("JUSTCHAT_BODIES", "30"))
"""To each call."""


def shaped(model: type[BaseModel], likely: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """Objects that have some of a body's fields, with likely values or random ones."""
    fields = {}
    for name, field in model.model_fields.items():
        inner = inner_model(field.annotation)
        fields[name] = shaped(inner, likely) | JSON if inner else likely | JSON
    return st.fixed_dictionaries({}, optional=fields)


class RandomBodies(ChatTestCase):
    async def test_no_fault(self) -> None:
        """Random bodies, of any shape and of nearly the right one, never give a 500, nor an answer off its schema."""
        document = (await request(self.daemon.http, "GET", "/openapi.json")).json
        anna = await self.a_person()
        room = await a_room(anna, anna)
        message = (await anna.say(room, "hello")).data["message"]["_id"]
        likely = st.sampled_from([room, message, anna.id, anna.phone, "x", "1990-2-8", 0, 1, -1, 2**53, 1e3, None])

        for endpoint in declared():
            person = await self.a_person()
            await person.enter(room)

            headers = await headers_of(self.daemon, endpoint.path)
            await deferToThread(self.bombard, endpoint, likely, person.session_key, document, headers)

    def bombard(
        self,
        endpoint: Endpoint,
        likely: SearchStrategy[Any],
        session_key: str,
        document: dict[str, Any],
        headers: dict[str, str],
    ) -> None:
        """Send random bodies to a call. In a thread, since hypothesis waits for no Deferred."""
        connection = http.client.HTTPConnection("127.0.0.1", self.daemon.http, timeout=PATIENCE)
        signed_in = shaped(endpoint.body, likely).map(lambda body: {**body, "session_key": session_key})

        @settings(
            max_examples=BODIES,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(body=signed_in | JSON)
        def send(body: Any) -> None:
            connection.request("POST", endpoint.path, json.dumps(body).encode(), headers)
            response = connection.getresponse()
            answer = response.read()
            assert response.status < 500, (endpoint.path, response.status, answer)
            assert_allowed(document, endpoint.path, response.status, json.loads(answer))

        try:
            send()
        finally:
            connection.close()
