"""The people of the simulation: their rooms, the daemons that they are connected to, and how much they write."""

import random
from itertools import accumulate

from attrs import frozen

from justchat.model.ids import Id

EVERY = 30.0
"""Seconds between two messages of a person in a room."""
ROOM_RATE = 5.0
"""Messages a second that a room takes: nobody reads more (slow mode)."""
DIRECT_EVERY = 120.0
"""Seconds between two direct messages of a person."""
MEDIAN, SPREAD = 5, 1.0
"""Sizes of ordinary rooms are log-normal: half of them between 2.5 and 10."""
LARGE = 1000, 100_000
"""Sizes of large rooms, each power of ten as frequent as the other."""
IN_LARGE = 0.3
"""The share of people who are in large rooms."""


@frozen
class World:
    """People are numbered; the members of room ``r`` are those from ``starts[r]`` to ``starts[r + 1]``."""

    starts: list[int]
    daemon_of: list[int]
    cumulated_rates: list[float]

    @classmethod
    def make(cls, people: int, daemons: int, seed: int) -> "World":
        """``people`` in rooms, each connected to one of the daemons at random, as a proxy spreads them."""
        dice = random.Random(seed)
        sizes = _room_sizes(people, dice)
        rates = accumulate(min(size / EVERY, ROOM_RATE) for size in sizes)
        daemon_of = [dice.randrange(daemons) for _ in range(people)]
        return cls([0, *accumulate(sizes)], daemon_of, list(rates))

    @property
    def people(self) -> int:
        return len(self.daemon_of)

    @property
    def rooms(self) -> int:
        return len(self.starts) - 1

    def members(self, room: int) -> range:
        """The people in a room."""
        return range(self.starts[room], self.starts[room + 1])

    @property
    def largest(self) -> int:
        """The room with most people."""
        return max(range(self.rooms), key=lambda room: len(self.members(room)))

    @property
    def messages_a_second(self) -> float:
        """In all rooms."""
        return self.cumulated_rates[-1]

    @property
    def direct_messages_a_second(self) -> float:
        return self.people / DIRECT_EVERY


def user_stream(person: int) -> Id:
    """The stream of a person."""
    return Id(f"{person:024x}")


def room_stream(room: int) -> Id:
    """The stream of a room."""
    return Id(f"f{room:023x}")


def _room_sizes(people: int, dice: random.Random) -> list[int]:
    """Sizes that sum up to ``people``. No room has more than a tenth of them."""
    sizes: list[int] = []
    least, most = LARGE
    most = min(most, people // 10)
    left = int(people * IN_LARGE)
    while left >= least and most > least:
        sizes.append(min(left, int(least * (most / least) ** dice.random())))
        left -= sizes[-1]
    left = people - sum(sizes)
    while left:
        sizes.append(min(left, least, max(1, round(MEDIAN * dice.lognormvariate(0, SPREAD)))))
        left -= sizes[-1]
    return sizes
