"""Lines out of the bytes of a pipe."""

LONGEST = 1024 * 1024
"""Bytes of a line. A longer one is cut."""


class Lines:
    """Keeps what has come of a line that is not complete."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def has_rest(self) -> bool:
        """Whether a line has begun."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete with these bytes, without their ends."""
        *lines, rest = (self._rest + data).split(b"\n")
        if len(rest) > LONGEST:
            lines.append(rest)
            rest = b""
        self._rest = rest
        return lines
