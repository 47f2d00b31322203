"""The AsyncAPI document, and the events that it declares. The official parser reads it in tests.generated."""

from tests.support.chat import ChatTestCase, a_room
from tests.support.client import request
from tests.support.schema import event_validator


class AsyncApi(ChatTestCase):
    async def test_document(self) -> None:
        """The daemon serves it, and names it on its front page; a client that has it does not get it again."""
        front = (await request(self.daemon.http, "GET", "/", headers={"Accept": "application/json"})).json
        answer = await request(self.daemon.http, "GET", front["events"])
        (tag,) = answer.headers.getRawHeaders("etag")
        again = await request(self.daemon.http, "GET", front["events"], headers={"If-None-Match": tag})

        self.assertEqual(("3.0.0", 304), (answer.json["asyncapi"], again.status))
        self.assertEqual(
            {
                *("init", "ready", "caught-up", "error", "message", "service-message", "message-removed"),
                *("direct-message", "read-message", "gift-message"),
            },
            {message["name"] for message in answer.json["components"]["messages"].values()},
        )
        for name, schema in answer.json["components"]["schemas"].items():
            for field, said in schema.get("properties", {}).items():
                self.assertIn("description", said, f"{name}.{field}")

    async def test_wrong_events(self) -> None:
        """Events with a field less, one more, or one of another type are not those that it declares."""
        ann = await self.a_person()
        room = await a_room(ann, ann)
        socket = await self.a_listener(ann)
        await ann.say(room, "tea")
        event = await socket.next("message")
        data = event["data"]

        for wrong in ({**data, "price": 1}, {**data, "seq": "1"}, {k: v for k, v in data.items() if k != "seq"}):
            self.assertFalse(event_validator("message").is_valid({"event": "message", "data": wrong}))
        self.assertTrue(event_validator("message").is_valid(event))
