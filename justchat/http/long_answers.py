"""Encodes long answers as JSON in slices, so that the reactor serves other connections in between."""

from time import monotonic
from typing import Any

import orjson
from twisted.internet import reactor
from twisted.internet.task import deferLater

ITEMS = 64
"""Items of a list that are encoded in one step."""
ENCODING_SLICE = 0.002
"""Seconds of encoding after which the reactor serves others."""


async def encode_json(answer: Any) -> bytes:
    """The JSON of an answer. Lists in its ``data`` with more than ITEMS items may take several reactor iterations."""
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        return orjson.dumps(answer)
    long = [name for name, value in data.items() if isinstance(value, list) and len(value) > ITEMS]
    if not long:
        return orjson.dumps(answer)
    return orjson.dumps({**answer, "data": {**data, **{name: await _encode_list(data[name]) for name in long}}})


async def _encode_list(items: list[Any]) -> orjson.Fragment:
    parts = []
    until = monotonic() + ENCODING_SLICE
    for at in range(0, len(items), ITEMS):
        if monotonic() > until:
            await deferLater(reactor, 0)
            until = monotonic() + ENCODING_SLICE
        parts.append(orjson.dumps(items[at : at + ITEMS])[1:-1])
    return orjson.Fragment(b"[%b]" % b",".join(parts))
