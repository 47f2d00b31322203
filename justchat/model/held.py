"""Held messages: what an operator decides on them."""

from enum import StrEnum


class Decision(StrEnum):
    """What becomes of a message that was held because of its words."""

    RELEASE = "release"
    """Everybody may see it, and is told it now."""
    DROP = "drop"
    """It is removed; its text is erased."""
