"""Limits that several daemons count together, over the bus: ``[limits] shared``, and the workers of one daemon.

Each daemon counts for itself and publishes what it has counted, at the end of a turn of the reactor. The others add it
to theirs. A count below a PART of its limit is not published: most callers are far from their limits, and cost
nothing. So a limit can be exceeded by that part for each daemon, and by what happens while a packet is on its way, or
while the bus is away.

What is open is published as a number, not as a change, and all of it every STATE_EVERY seconds, in parts: a packet that
is lost or comes twice does no harm, and a daemon that has ended is forgotten.
"""

import itertools
import secrets
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from bson import decode, encode
from bson.errors import BSONError

from justchat.interfaces.bus import CONTROL, IBus, PacketKind
from justchat.limits.other_daemons import OtherDaemons
from justchat.limits.rate_limiter import CALLERS_KEPT, SlidingWindow
from justchat.model.ids import Id
from justchat.model.rate import Rate

PART = 64
"""A count is published once it is this part of its limit."""
STATE_EVERY = 5.0
"""Seconds between two beginnings to publish all that is open."""
PART_KEYS = 1000
"""Keys of one packet of that: with more, each other daemon would do nothing else for milliseconds."""
PART_EVERY = 0.05
"""Seconds between two of these packets."""
FORGOTTEN_AFTER = 15.0
"""Seconds of silence after which a daemon counts as ended."""
DAEMONS = 4096
"""Daemons that are remembered at most."""
KEYS = 20_000
"""Keys of one table of one daemon that are remembered, about, and of one packet at most."""
KEY_LENGTH = 100

Publish = Callable[[str, Hashable, int], None]


class SharedWindow(SlidingWindow):
    """A rate that several daemons count together. ``publish`` sends the counts to the others."""

    def __init__(self, name: str, rate: Rate, seconds: Callable[[], float], publish: Publish) -> None:
        super().__init__(name, rate, seconds)
        self._publish = publish
        self._unpublished: dict[Hashable, int] = {}

    def change(self, rate: Rate) -> None:
        """See SlidingWindow."""
        super().change(rate)
        self._most = rate.most
        self._step = max(1, rate.most // PART)

    def hit(self, caller: Hashable, amount: int = 1) -> None:
        """See SlidingWindow."""
        super().hit(caller, amount)
        self._tell(caller, amount)

    def charge(self, caller: Hashable, amount: int) -> float:
        """See SlidingWindow."""
        ahead = super().charge(caller, amount)
        self._tell(caller, amount)
        return ahead

    def _tell(self, caller: Hashable, amount: int) -> None:
        amount += self._unpublished.get(caller, 0)
        if amount >= self._step:
            self._unpublished.pop(caller, None)
            self._publish(self.name, caller, amount)
            return
        if len(self._unpublished) >= CALLERS_KEPT:
            self._unpublished.clear()
        self._unpublished[caller] = amount

    def add(self, caller: Hashable, amount: int) -> None:
        """Count what another daemon has allowed."""
        self._add(caller, min(amount, self._most))


class SharedTable(OtherDaemons):
    """What is open at several daemons. ``open_here`` is what this one has last published."""

    def __init__(self, name: str, limit: int, publish: Publish) -> None:
        self._name = name
        self._publish = publish
        self._step = max(1, limit // PART)
        self._elsewhere: dict[str, int] = {}
        self._of: dict[bytes, dict[str, int]] = {}
        self._untold: dict[bytes, dict[str, int]] = {}
        """The counts of a daemon that publishes all that is open, and has not come to these."""
        self.open_here: dict[str, int] = {}

    def count(self, key: str) -> int:
        """See OtherDaemons."""
        return self._elsewhere.get(key, 0)

    def publish(self, key: str, count: int) -> None:
        """See OtherDaemons."""
        published = self.open_here.get(key, 0)
        if abs(count - published) < self._step and (count or not published):
            return
        if count:
            self.open_here[key] = count
        else:
            del self.open_here[key]
        self._publish(self._name, key, count)

    def set(self, daemon: bytes, key: str, count: int) -> None:
        """So many are open at another daemon."""
        counts = self._of.setdefault(daemon, {})
        before = counts.pop(key, 0) or self._untold.get(daemon, {}).pop(key, 0)
        if count and len(counts) < KEYS:
            counts[key] = count
        else:
            count = 0
        total = self._elsewhere.get(key, 0) + count - before
        if total:
            self._elsewhere[key] = total
        else:
            self._elsewhere.pop(key, None)

    def begin_all(self, daemon: bytes) -> None:
        """This daemon begins to tell all that it has open."""
        self._untold.setdefault(daemon, {}).update(self._of.pop(daemon, {}))

    def end_all(self, daemon: bytes) -> None:
        """What this daemon has not told since it began is not open."""
        for key in tuple(self._untold.get(daemon, ())):
            self.set(daemon, key, 0)
        self._untold.pop(daemon, None)

    def forget(self, daemon: bytes) -> None:
        """Nothing is open at this daemon."""
        self.begin_all(daemon)
        self.end_all(daemon)
        self._of.pop(daemon, None)


class SharedCounts:
    """The limits that daemons of one ``group`` count together. Packets of other groups are ignored.

    ``slot`` returns a name that one daemon at a time has, or nothing. What is open at the one before it, which died, is
    then forgotten at once.
    """

    def __init__(self, bus: IBus, group: str, reactor: Any, slot: Callable[[], str] = str) -> None:
        self._bus = bus
        self._group = group
        self._reactor = reactor
        self._slot = slot
        self._slots: dict[str, bytes] = {}
        """The daemon that has each slot."""
        self._id = secrets.token_bytes(8)
        self._windows: dict[str, SharedWindow] = {}
        self._tables: dict[str, SharedTable] = {}
        self._hits: dict[str, dict[Hashable, int]] = {}
        self._open: dict[str, dict[Hashable, int]] = {}
        self._is_called = False
        self._parts: deque[list[tuple[str, str]]] = deque()
        """What is left of the present round: tables and keys, in packets."""
        self._next_part: Any = None
        self._last: dict[bytes, tuple[float, int]] = {}
        """When each other daemon has last published, and the number of that packet."""
        self._numbers = itertools.count(1)
        bus.on_packet(PacketKind.COUNTS, self._receive)

    def window(self, name: str, rate: Rate, seconds: Callable[[], float]) -> SlidingWindow:
        """A rate that is counted together. Its name is the same at each daemon."""
        found = self._windows[name] = SharedWindow(name, rate, seconds, self._publish_hit)
        return found

    def table(self, name: str, limit: int) -> OtherDaemons:
        """What is open at the other daemons, for a limit of this name and size."""
        found = self._tables[name] = SharedTable(name, limit, self._publish_open)
        return found

    def publish_state(self) -> None:
        """Publish all that is open, and forget daemons that have ended. Is called every STATE_EVERY seconds."""
        if self._next_part is None:
            keys: list[tuple[str, str]] = []
            for name, table in self._tables.items():
                keys += zip(itertools.repeat(name), table.open_here, strict=False)
            self._parts.extend(keys[at : at + PART_KEYS] for at in range(0, len(keys) or 1, PART_KEYS))
            self._publish_part({"all": True, "slot": self._slot()})
        until = self._reactor.seconds() - FORGOTTEN_AFTER
        for daemon in [daemon for daemon, (at, _) in self._last.items() if at < until]:
            self._forget(daemon)
        self._slots = {slot: daemon for slot, daemon in self._slots.items() if daemon in self._last}

    def _publish_part(self, more: Mapping[str, Any]) -> None:
        """Publish the next part of a round, the first of which has ``all``; all but the last have ``more``."""
        opened: dict[str, dict[Hashable, int]] = {}
        for name, key in self._parts.popleft():
            opened.setdefault(name, {})[key] = self._tables[name].open_here.get(key, 0)
        self._publish(
            {**more, "more": bool(self._parts), "open": {name: _flat(counts) for name, counts in opened.items()}}
        )
        self._next_part = self._reactor.callLater(PART_EVERY, self._publish_part, {}) if self._parts else None

    def stop(self) -> None:
        """Tell the others that nothing is open here."""
        if self._next_part is not None:
            self._next_part.cancel()
            self._next_part = None
            self._parts.clear()
        self._publish({"all": True})

    def _publish_hit(self, name: str, caller: Hashable, amount: int) -> None:
        hits = self._hits.setdefault(name, {})
        hits[caller] = hits.get(caller, 0) + amount
        self._publish_soon()

    def _publish_open(self, name: str, key: Hashable, count: int) -> None:
        self._open.setdefault(name, {})[key] = count
        self._publish_soon()

    def _publish_soon(self) -> None:
        if not self._is_called:
            self._is_called = True
            self._reactor.callLater(0, self._publish_turn)

    def _publish_turn(self) -> None:
        self._is_called = False
        hits, self._hits = self._hits, {}
        opened, self._open = self._open, {}
        self._publish(
            {
                "hits": {name: _flat(counts) for name, counts in hits.items()},
                "open": {name: _flat(counts) for name, counts in opened.items()},
            }
        )

    def _publish(self, packet: Mapping[str, Any]) -> None:
        body = encode({"from": self._id, "group": self._group, "number": next(self._numbers), **packet})
        self._bus.publish(CONTROL, PacketKind.COUNTS, body)

    def _receive(self, stream: Id, body: bytes) -> None:
        try:
            packet = decode(body)
        except BSONError:
            return
        daemon = packet.get("from")
        if not isinstance(daemon, bytes) or not self._is_new(daemon, packet):
            return
        for name, caller, amount in _counts(packet.get("hits")):
            if amount and name in self._windows:
                self._windows[name].add(caller, amount)
        self._receive_slot(daemon, packet.get("slot"))
        self._receive_open(daemon, packet)

    def _is_new(self, daemon: bytes, packet: Mapping[str, Any]) -> bool:
        """Whether a packet is another daemon's, and comes for the first time: again, if its node was away."""
        if daemon == self._id or packet.get("group") != self._group:
            return False
        if daemon not in self._last and len(self._last) >= DAEMONS:
            return False
        _, before = self._last.get(daemon, (0.0, 0))
        number = packet.get("number", before + 1)  # earlier releases send none
        if type(number) is not int or number <= before:
            return False
        self._last[daemon] = (self._reactor.seconds(), number)
        return True

    def _receive_slot(self, daemon: bytes, slot: object) -> None:
        if not isinstance(slot, str) or not 0 < len(slot) <= KEY_LENGTH:
            return
        before = self._slots.get(slot)
        if before is None and len(self._slots) >= DAEMONS:
            return
        self._slots[slot] = daemon
        if before is not None and before != daemon:
            self._forget(before)

    def _receive_open(self, daemon: bytes, packet: Mapping[str, Any]) -> None:
        begins, more = bool(packet.get("all")), packet.get("more")
        if begins:
            for table in self._tables.values():
                table.begin_all(daemon)
        for name, key, count in _counts(packet.get("open")):
            if isinstance(key, str) and name in self._tables:
                self._tables[name].set(daemon, key, count)
        if more is False or (begins and not more):
            for table in self._tables.values():
                table.end_all(daemon)

    def _forget(self, daemon: bytes) -> None:
        self._last.pop(daemon, None)
        for table in self._tables.values():
            table.forget(daemon)


def _flat(counts: Mapping[Any, int]) -> list[Any]:
    return [value for pair in counts.items() for value in pair]


def _counts(tables: object) -> Iterator[tuple[str, str | tuple[str, ...], int]]:
    """The counts of a packet, by table and key. Whatever is none is left out."""
    if not isinstance(tables, dict):
        return
    for name, flat in tables.items():
        if isinstance(flat, list):
            for key, count in zip(flat[: 2 * KEYS : 2], flat[1 : 2 * KEYS : 2], strict=False):
                known = _key(key)
                if known is not None and isinstance(count, int) and count >= 0:
                    yield name, known, count


def _key(written: object) -> str | tuple[str, ...] | None:
    if isinstance(written, str):
        return written if len(written) <= KEY_LENGTH else None
    if isinstance(written, list) and all(isinstance(part, str) for part in written):
        return tuple(written) if sum(map(len, written)) <= KEY_LENGTH else None
    return None
