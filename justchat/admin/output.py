"""The output of commands, for people and for programs."""

import json
from argparse import Namespace
from collections.abc import Iterable, Sequence

from attrs import frozen


@frozen
class Outcome:
    """The result of a command: ``text`` for people, ``data`` for ``--json``."""

    text: str
    data: object
    status: int = 0
    """The exit code."""


def as_json(data: object) -> str:
    return json.dumps(data, indent=2)


def clean(text: object) -> str:
    """A text on one line, with escapes for characters that move a terminal's cursor or reverse its text."""
    shown = "" if text is None else str(text)
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in shown)


def short(text: object, length: int = 50) -> str:
    """A text, cut to ``length`` characters."""
    shown = clean(text)
    return shown if len(shown) <= length else f"{shown[: length - 1]}…"


def table(titles: Sequence[str], rows: Iterable[Sequence[object]], nothing: str) -> str:
    """A table, or the sentence ``nothing`` where there are no rows."""
    lines = [list(titles), *(list(map(clean, row)) for row in rows)]
    if len(lines) == 1:
        return nothing
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def note_more(found: int, page: Namespace) -> str:
    """The line below a page that says that there may be more; ``page`` has its ``limit`` and ``skip``."""
    if found < page.limit:
        return ""
    return f"\n({page.skip + 1} to {page.skip + found}; there may be more: --skip {page.skip + found})"


def record(*fields: tuple[str, object]) -> str:
    """Names and values, one a line. None and empty values are left out."""
    known = [(name, clean(value)) for name, value in fields if value not in (None, "")]
    width = max(len(name) for name, _ in known)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in known)
