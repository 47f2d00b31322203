"""Long answers: encoded in slices, so that the reactor serves other connections in between, and read in turns."""

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import orjson
from twisted.internet import reactor
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from justchat.limits.bounded_cache import BoundedCache
from justchat.limits.semaphore import SemaphoreByOwner
from justchat.model.ids import Id

ITEMS = 64
"""Items of a list that are encoded in one step."""
ENCODING_SLICE = 0.002
"""Seconds of encoding after which the reactor serves others."""

LONG = 64 * 1024
"""Bytes of a long answer."""
LONG_FOR = 1.0
"""Seconds after a long answer in which a user's reads take turns."""
LONG_READS_AT_ONCE = 4
"""Reads of such a user that are carried out at the same time."""
READERS_KEPT = 10_000
"""Users with long answers that are remembered."""


class LongReads:
    """Lets the reads of a user who reads long answers take turns.

    So who asks for long pages over many connections delays nobody else by all of them.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._turns = SemaphoreByOwner(LONG_READS_AT_ONCE)
        self._long_at: BoundedCache[Id, float] = BoundedCache(READERS_KEPT)
        """By user, when the latest long answer was made."""

    async def run(self, user: Id, read: Callable[[], Awaitable[tuple[int, bytes]]]) -> tuple[int, bytes]:
        """The status and body of a read. Raises what ``read`` raises."""
        long_at = self._long_at.get(user)
        is_short = long_at is None or self._clock.seconds() - long_at > LONG_FOR
        answer = await read() if is_short else await self._turns.run(user, read)
        if len(answer[1]) > LONG:
            self._long_at.put(user, self._clock.seconds())
        return answer


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
