"""The calls ``/server/keys/…``: the keys of app's servers and of the console itself."""

from collections.abc import Callable
from hashlib import sha256
from hmac import digest
from typing import Annotated, Literal

from attrs import frozen
from pydantic import Field

from justchat.actions.server_keys import ServerKeyActions
from justchat.errors import BeyondNetworks, Conflict, NotFound
from justchat.http.endpoint import Requester, server_post
from justchat.http.fields import Body, Empty, Limit, Networks, Offset, ShortName, Text
from justchat.http.operator_responses import KeyAnswer, KeysAnswer, NewKeyAnswer
from justchat.http.responses import Nothing
from justchat.model.audit import Actor
from justchat.model.server_key import Scope
from justchat.protocol.operator_documents import key_document

ScopeName = Literal["users", "sessions", "rooms", "messages", "coins", "complaints", "console"]
"""The values of Scope."""


class ListKeys(Body):
    revoked: bool = False
    skip: Offset = 0
    limit: Limit = 100


class AddKey(Body):
    name: ShortName
    scopes: Annotated[list[ScopeName], Field(min_length=1, max_length=len(Scope))]
    networks: Networks = []


class RevokeKey(Body):
    key: Text


@frozen
class ServerKeyCalls:
    """See docs/protocol.rst, "An app's own server"."""

    keys_as: Callable[[Actor], ServerKeyActions]

    @server_post(
        "/server/whoami",
        scopes=(Scope.CONSOLE,),
        body=Empty,
        answer=KeyAnswer,
        keeps_answer=False,
    )
    async def whoami(self, requester: Requester, body: Empty) -> KeyAnswer:
        """Show the key that the call is made with, without the key itself."""
        assert requester.server_key is not None
        return {"data": {"key": key_document(requester.server_key)}}

    @server_post(
        "/server/keys/list",
        scopes=(Scope.CONSOLE,),
        body=ListKeys,
        example={"revoked": False, "skip": 0, "limit": 100},
        answer=KeysAnswer,
        keeps_answer=False,
    )
    async def list_keys(self, requester: Requester, body: ListKeys) -> KeysAnswer:
        """List the server keys, the latest first, without the keys themselves."""
        found = await self.keys_as(requester.actor).list_keys(body.limit, revoked=body.revoked, skip=body.skip)
        return {"data": {"keys": list(map(key_document, found))}}

    @server_post(
        "/server/keys/add",
        scopes=(Scope.CONSOLE,),
        body=AddKey,
        example={"name": "shop", "scopes": ["console"], "networks": ["192.0.2.0/24"]},
        answer=NewKeyAnswer,
        statuses=(201,),
        raises=(Conflict, BeyondNetworks),
        keeps_answer=False,
    )
    async def add(self, requester: Requester, body: AddKey) -> NewKeyAnswer:
        """Make a server key with scopes that the caller's has. The answer alone has the key itself."""
        key, written = await self.keys_as(requester.actor).add(
            body.name,
            [Scope(scope) for scope in body.scopes],
            body.networks,
            by=requester.server_key,
            written=_written(requester),
        )
        return {"data": {"key": key_document(key), "secret": written}}

    @server_post(
        "/server/keys/revoke",
        scopes=(Scope.CONSOLE,),
        body=RevokeKey,
        example={"key": "shop"},
        answer=Nothing,
        raises=(NotFound, Conflict),
    )
    async def revoke(self, requester: Requester, body: RevokeKey) -> Nothing:
        """Revoke a server key, by its id, its name, or as it is written: no call takes it any more."""
        await self.keys_as(requester.actor).revoke(body.key)
        return {}


def _written(requester: Requester) -> str | None:
    """The key under an Idempotency-Key: the same again, though it is stored nowhere."""
    if requester.idempotency_id is None:
        return None
    secret = (requester.key or "").encode()
    return f"jc_{digest(secret, f'key:{requester.idempotency_id}'.encode(), sha256).hex()[:48]}"
