"""Answers that are kept, without the words of messages that were removed since."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from justchat.model.ids import Id
from justchat.model.moment import Moment, iso

_ID = re.compile(rb'"_id":"([0-9a-f]{24})"')


def ids_in(answer: bytes) -> set[Id]:
    """The ids of the documents in an answer."""
    return {Id(id.decode()) for id in _ID.findall(answer)}


def without_removed_words(answer: bytes, removed: Mapping[Id, Moment]) -> bytes:
    """The answer, in JSON, as it would be now that these messages are removed, at these times."""
    return orjson.dumps(_without_words(orjson.loads(answer), removed))


def _without_words(value: Any, removed: Mapping[Id, Moment]) -> Any:
    if isinstance(value, list):
        return [_without_words(each, removed) for each in value]
    if not isinstance(value, dict):
        return value
    at = removed.get(value.get("_id", ""))
    if at is not None:
        return {**value, "text": None, "ref_message": None, "removed_at": iso(at)}
    return {name: _without_words(each, removed) for name, each in value.items()}
