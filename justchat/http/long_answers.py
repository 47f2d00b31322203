"""JSON of long answers, made in slices: the reactor serves others in between."""

from time import monotonic
from typing import Any

import orjson
from twisted.internet import reactor
from twisted.internet.task import deferLater

MANY = 64
"""Items of a list that are encoded at once."""
SLICE = 0.002
"""Seconds of encoding, after which others have their turn."""


async def encoded(answer: Any) -> bytes:
    """The JSON of an answer; lists in its ``data`` that have more than MANY items may take several turns."""
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        return orjson.dumps(answer)
    long = [name for name, value in data.items() if isinstance(value, list) and len(value) > MANY]
    if not long:
        return orjson.dumps(answer)
    return orjson.dumps({**answer, "data": {**data, **{name: await _encoded_list(data[name]) for name in long}}})


async def _encoded_list(items: list[Any]) -> orjson.Fragment:
    parts = []
    until = monotonic() + SLICE
    for at in range(0, len(items), MANY):
        if monotonic() > until:
            await deferLater(reactor, 0)
            until = monotonic() + SLICE
        parts.append(orjson.dumps(items[at : at + MANY])[1:-1])
    return orjson.Fragment(b"[%b]" % b",".join(parts))
