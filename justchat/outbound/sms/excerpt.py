"""What a gateway answered, as the log may show it.

A gateway may repeat what it was sent: the key, the text, the phone, its own secret. None of the values in the request
is shown, in whatever form the answer has them, and nothing that looks like a phone or like a token.
"""

import html
import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

LONGEST = 300
"""Characters."""
SHORTEST = 4
"""Characters of a value that is hidden. Shorter ones are words."""
HIDDEN = "…"
_TOKEN = re.compile(r"[\w+=.~-]{20,}|\+?\d(?:[ ()-]?\d){6,}")
_WORDS = re.compile(r"[^\s\"'<>{}()\[\],;:]+")
_SPACE = re.compile(r"\s+")


def excerpt(answer: bytes, *, url: str, headers: Mapping[str, str], body: str, values: Iterable[str]) -> str:
    """The start of an answer to this request, on one line; empty if there is none. ``values`` are the SMS's own."""
    text = _decoded(answer)
    hidden: set[str] = set()
    for value in (*values, *_values_of(url, headers, body)):
        # The whole value, and each of its words.
        hidden |= {value, value.lstrip("+"), *_WORDS.findall(value), *re.findall(r"\w+", value)}
    for value in sorted((each for each in hidden if len(each) >= SHORTEST), key=len, reverse=True):
        text = re.sub(re.escape(value), HIDDEN, text, flags=re.IGNORECASE)
    text = _SPACE.sub(" ", _TOKEN.sub(HIDDEN, text)).strip()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _decoded(answer: bytes) -> str:
    """The text of an answer, without escapes."""
    text = answer.decode(errors="replace")
    with suppress(orjson.JSONDecodeError):
        text = json.dumps(orjson.loads(answer), ensure_ascii=False)
    return html.unescape(unquote(text))


def _values_of(url: str, headers: Mapping[str, str], body: str) -> Iterator[str]:
    """The values in a request."""
    parts = urlsplit(url)
    yield from (unquote(segment) for segment in parts.path.split("/"))
    yield from (value for _, value in parse_qsl(parts.query))
    for header in headers.values():
        yield header
        kind, _, credentials = header.partition(" ")
        if kind.lower() == "basic":
            with suppress(ValueError):
                yield from b64decode(credentials).decode(errors="replace").split(":", 1)
    try:
        yield from _leaves(orjson.loads(body))
    except orjson.JSONDecodeError:
        fields = parse_qsl(body)
        yield from (value for _, value in fields) if fields else (body,)


def _leaves(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        for each in document:
            yield from _leaves(each)
    elif isinstance(document, str):
        yield document
