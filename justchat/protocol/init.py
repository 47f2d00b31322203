"""The only message of a client: ``init``, which binds a connection to a session (docs/protocol.rst, "Binding")."""

from codecs import BOM_UTF8
from typing import Any

import orjson
from attrs import frozen

from justchat.model.ids import as_id
from justchat.protocol.events import Position

LONGEST_KEY = 256
"""Characters of a session key that is looked up. Every real key is shorter."""


@frozen
class Init:
    """A parsed ``init``: the key of a session, and the position that the client has reached."""

    session_key: str
    position: Position


def init_data(text: bytes) -> object:
    """The ``data`` of an ``init`` in the text of a WebSocket message; None if the message is anything else."""
    try:
        message = orjson.loads(text.removeprefix(BOM_UTF8))
    except orjson.JSONDecodeError:
        return None
    match message:
        case {"event": "init", "data": data}:
            return data
        case _:
            return None


def parse_init(data: Any) -> Init | None:
    """The ``init`` with this ``data``; None if it is malformed.

    A key longer than LONGEST_KEY becomes the empty string, which no session has: inits wait in a queue, and long keys
    would fill it.
    """
    if not isinstance(data, dict) or not isinstance(data.get("session_key"), str):
        return None
    n, room, seq = (data.get(name) for name in ("n", "room", "seq"))
    n, seq = (int(number) if type(number) is float and number.is_integer() else number for number in (n, seq))
    if not all(number is None or (type(number) is int and 0 <= number < 2**53) for number in (n, seq)):
        return None
    if room is not None and not isinstance(room, str):
        return None
    key = data["session_key"] if len(data["session_key"]) <= LONGEST_KEY else ""
    return Init(key, Position(n=n, room=None if room is None else as_id(room), seq=seq))
