"""An app's own server that takes webhooks, and verifies them with the reference library."""

import json
from base64 import b64encode
from typing import Any

from attrs import frozen
from standardwebhooks import Webhook
from twisted.web.http import Request

from tests.support.gateway import Answer, FakeGateway, with_status
from tests.support.waiting import eventually

SECRET = "whsec_" + b64encode(bytes(range(24))).decode()
EVENTS = (
    *("message.new", "message.edited", "message.removed", "direct.new", "user.new", "user.deleted"),
    *("room.new", "room.removed", "complaint.new", "gift.sent", "balance.changed"),
)


@frozen
class Hook:
    """A webhook that arrived."""

    id: str
    type: str
    data: dict[str, Any]


class Receiver:
    """Takes webhooks. ``answer`` answers each; those with a status of 2xx are ``taken``, and all are ``tried``."""

    def __init__(self) -> None:
        self.server = FakeGateway()
        self.server.answer = self._take
        self.answer: Answer = with_status(204)
        self.tried: list[Hook] = []
        self.taken: list[Hook] = []

    @property
    def url(self) -> str:
        return f"{self.server.address}/hooks?token=hidden"

    def settings(self, *events: str, path: str = "") -> str:
        """The lines of the settings that name this receiver."""
        return (
            f'[[webhooks]]\nurl = "{self.url}{path}"\nsecret = "{SECRET}"\n'
            f"events = {json.dumps(events or EVENTS)}\nallow_private = true\n"
        )

    def _take(self, request: Request) -> bytes | int:
        sent = self.server.sent[-1]
        headers = {name.decode().lower(): values[0].decode() for name, values in sent.headers.getAllRawHeaders()}
        body = Webhook(SECRET).verify(sent.body, headers)
        hook = Hook(headers["webhook-id"], body["type"], body["data"])
        self.tried.append(hook)
        answer = self.answer(request)
        if 200 <= request.code < 300 and isinstance(answer, bytes):
            self.taken.append(hook)
        return answer

    def of(self, type: str, **data: Any) -> list[Hook]:
        """Those taken of a type whose data have these values; each once, in the order in which they first came."""
        wanted = [
            hook
            for hook in self.taken
            if hook.type == type and all(hook.data.get(name) == value for name, value in data.items())
        ]
        return list({hook.id: hook for hook in wanted}.values())

    async def next_of(self, type: str, **data: Any) -> Hook:
        """The first of these, once it has come."""
        await eventually(lambda: self.of(type, **data), lambda: f"a {type} of {data} among {self.taken[-5:]}")
        return self.of(type, **data)[0]

    async def texts(self, room: str, number: int) -> list[str]:
        """The texts of so many messages of a room, once they have come."""

        def found() -> list[str]:
            return [hook.data["text"] for hook in self.of("message.new", room=room)]

        await eventually(lambda: len(found()) >= number, lambda: f"{number} messages; there are {len(found())}", 60)
        return found()

    async def stop(self) -> None:
        await self.server.stop()
