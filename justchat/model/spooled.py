"""A picture that waits on the disk."""

from pathlib import Path

from attrs import frozen


@frozen
class Spooled:
    """A picture that is ``length`` bytes of a file, from ``start``."""

    path: Path
    start: int
    length: int
