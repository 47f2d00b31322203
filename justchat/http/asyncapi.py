"""Generates the AsyncAPI 3 document of the socket from the declarations of its messages."""

from typing import Any

from pydantic import TypeAdapter

from justchat.http.schemas import REFERENCE, Schemas, camel
from justchat.protocol.event_types import EVENTS, INIT, EventType

DESCRIPTION = """\
The socket of a chat. A client connects, sends `init` with the key of a session, and from then on only receives. All
else goes by the calls of `/openapi.json`.

A client that comes back says in `init` how far it has come, and gets what it missed. A daemon that closes the socket
says why by the close code: see "Close codes" in docs/protocol.rst.

Socket.IO's clients use the same events: the name is that of the event, the payload is `data`.
"""
CHANNEL = {"$ref": "#/channels/socket"}


def asyncapi(version: str) -> dict[str, Any]:
    """The document. ``version`` is JustChat's."""
    schemas = Schemas()
    messages = {_key(each): _message(each, schemas) for each in (INIT, *EVENTS)}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "JustChat", "version": version, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "daemon": {
                "host": "{host}",
                "pathname": "/ws",
                "protocol": "wss",
                "description": "the daemon that serves this document; without TLS the protocol is ws",
                "variables": {"host": {"default": "localhost", "description": "host and port of this document"}},
            }
        },
        "channels": {
            "socket": {
                "title": "The socket",
                "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in messages},
            }
        },
        "operations": {
            "bind": {
                "action": "receive",
                "channel": CHANNEL,
                "summary": "A client binds the socket to its session.",
                "messages": [{"$ref": f"#/channels/socket/messages/{_key(INIT)}"}],
            },
            "events": {
                "action": "send",
                "channel": CHANNEL,
                "summary": "The daemon sends what happens, once it is stored.",
                "messages": [{"$ref": f"#/channels/socket/messages/{_key(each)}"} for each in EVENTS],
            },
        },
        "components": {"messages": messages, "schemas": schemas.named},
    }


def _key(event: EventType) -> str:
    return camel(event.name)


def _message(event: EventType, schemas: Schemas) -> dict[str, Any]:
    return {
        "name": event.name,
        "title": event.name,
        "summary": event.summary,
        "payload": {
            "type": "object",
            "properties": {
                "event": {"type": "string", "const": event.name},
                "data": schemas.answer(TypeAdapter(event.data).json_schema(ref_template=REFERENCE)),
            },
            "required": ["event", "data"],
        },
    }
