"""The schemas of the OpenAPI document, each with its own name, in a form on which client generators agree.

What they do not agree on is left out. ``default`` makes a field required for some generators. ``title`` names a class
for some and clashes for others. ``anyOf`` with null becomes a union of two classes; a type list stays a plain field.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from typing_extensions import get_original_bases, is_typeddict

from justchat.errors import ApiError, InvalidFields, Suspended, reason_phrase
from justchat.http import responses
from justchat.http.field_descriptions import DESCRIPTIONS, FORMATS, VALUES
from justchat.protocol import documents as documents_of_users
from justchat.protocol import event_types, operator_documents

REFERENCE = "#/components/schemas/{model}"
UNCHANGED = ("description", "required", "not", "example")
Schema = dict[str, Any]


class Schemas:
    """Collects the named schemas of a document."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}

    def name(self, name: str, schema: Schema) -> Schema:
        """Add a named schema; returns a reference to it. A name stands for one schema."""
        schema = dict(schema)
        answers = not name.endswith("Request")
        for inner, definition in schema.pop("$defs", {}).items():
            self._put(inner, _tidy(inner, definition, answers=answers))
        self._put(name, _tidy(name, schema, answers=answers))
        return {"$ref": REFERENCE.format(model=name)}

    def answer(self, schema: Schema) -> Schema:
        """A reference to the schema of an answer, or of each of its alternatives."""
        schema = dict(schema)
        for inner, definition in schema.pop("$defs", {}).items():
            self._put(inner, _tidy(inner, definition, answers=True))
        return self.name(schema["title"], schema) if "title" in schema else schema

    def errors(self, errors: Iterable[type[ApiError]], owner: str) -> Schema:
        """A reference to the schema of these errors, which share a status. Its name is made from that and the owner's.

        No code is in the name: a new error of a call leaves the names that generated clients have.
        """
        errors = set(errors)
        (status,) = {error.status for error in errors}
        codes = sorted({error.code for error in errors})
        properties: Schema = {
            "error": {"type": "string", "const": reason_phrase(status)},
            "code": {"type": "string", "enum": codes},
            "detail": {"type": "string"},
        }
        if InvalidFields in errors:
            both = {"field": {"type": "string"}, "detail": {"type": "string"}}
            one = {"type": "object", "properties": both, "required": sorted(both)}
            properties["fields"] = {"type": "array", "items": self.name("BadField", one)}
        if Suspended in errors:
            properties["until"] = {"type": ["string", "null"]}
        return self.name(
            owner + camel(reason_phrase(status)).removesuffix("Error") + "Error",
            {"type": "object", "properties": properties, "required": ["error", "code", "detail"]},
        )

    def _put(self, name: str, schema: Schema) -> None:
        known = self.named.setdefault(name, schema)
        assert known == schema, f"two schemas are called {name}"


def camel(words: str) -> str:
    """``RoomSendMessage`` of ``/room/sendMessage``, ``CaughtUp`` of ``caught-up``, ``NotFound`` of ``Not Found``."""
    return "".join(word[:1].upper() + word[1:] for word in re.split("[-/ ]", words))


def _tidy(owner: str, schema: Any, *, answers: bool) -> Any:
    """The schema without keywords that generators read differently, and with a description of each property."""
    if isinstance(schema, list):
        return [_tidy(owner, item, answers=answers) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    tidied = {
        key: value if key in UNCHANGED else _tidy(owner, value, answers=answers)
        for key, value in schema.items()
        if key not in ("title", "default", "properties")
    }
    if "properties" in schema:
        tidied["properties"] = {
            name: _property(owner, name, value, answers=answers) for name, value in schema["properties"].items()
        }
    return _nullable(tidied)


def _property(owner: str, name: str, schema: Mapping[str, Any], *, answers: bool) -> Any:
    tidied = _tidy(f"{owner}.{name}", schema, answers=answers)
    fields = [f"{each}.{name}" for each in (owner, *_extended(owner))]
    if answers:
        _add_format(name, tidied)
        values = next((VALUES[field] for field in fields if field in VALUES), None)
        tidied.update({} if values is None else {"enum": list(values)})
    said = next((DESCRIPTIONS[key] for key in (*fields, f"{owner}.*", name) if key in DESCRIPTIONS), None)
    parts = [part for part in (said, tidied.get("description")) if part]
    default = schema.get("default")
    if default is not None and not isinstance(default, Mapping):
        parts.append(f"{json.dumps(default)} if absent")
    return {**tidied, "description": "; ".join(parts)} if parts else tidied


@cache
def _extended(name: str) -> tuple[str, ...]:
    """The documents that a document extends, the nearest first: what is said of their fields is true of its own."""
    documents = {**vars(responses), **vars(event_types), **vars(operator_documents), **vars(documents_of_users)}
    bases = [base for base in get_original_bases(documents[name]) if is_typeddict(base)] if name in documents else []
    return tuple(each for base in bases for each in (base.__name__, *_extended(base.__name__)))


def _add_format(name: str, schema: Schema) -> None:
    """Add the format of strings with this name."""
    kinds = schema.get("type")
    if kinds == "array":
        _add_format(name, schema["items"])
    elif (kinds == "string" or (isinstance(kinds, list) and "string" in kinds)) and "const" not in schema:
        schema.update(FORMATS.get(name, {}))


def _nullable(schema: Schema) -> Schema:
    """``anyOf`` of a plain type and null as a list of two types."""
    kinds = schema.get("anyOf", ())
    if len(kinds) != 2 or {"type": "null"} not in kinds:
        return schema
    (kind,) = (kind for kind in kinds if kind != {"type": "null"})
    if not isinstance(kind.get("type"), str):
        return schema
    if "enum" in kind:
        kind = {**kind, "enum": [*kind["enum"], None]}
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**kind, "type": [kind["type"], "null"], **rest}
