"""Checks of answers and events against the daemon's own documents; undeclared fields are errors."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator as Validator

from justchat.http.asyncapi import asyncapi
from justchat.protocol.event_types import EVENTS

Document = dict[str, Any]
_validators: dict[tuple[int, str, int], tuple[Validator, Document]] = {}
"""By document, path and status."""


def every(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from every(inner)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation with its path and its method."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def assert_allowed(document: Document, path: str, status: int, body: Any) -> None:
    """Fail if the document does not allow this answer."""
    operation = document.get("paths", {}).get(path, {}).get("post")
    if operation is None:
        return
    key = (id(document), path, status)
    if key not in _validators:
        response = operation["responses"].get(str(status))
        assert response is not None, f"{path} does not declare {status}: {body}"
        validator = _validator_of(response["content"]["application/json"]["schema"], document)
        _validators[key] = validator, document  # kept, so that no other document gets its id
    wrong = _validators[key][0].iter_errors(body)
    said = [f"{error.json_path}: {error.message}" for error in wrong]
    assert not said, f"{path} {status}: {said}"


def _validator_of(schema: Document, document: Document) -> Validator:
    """Of the schema with nothing beside it but what it refers to. The documents of most daemons have the same."""
    used: dict[str, Document] = {}
    _collect(schema, document["components"]["schemas"], used)
    return _compiled(json.dumps({**closed(schema), "components": {"schemas": closed(used)}}, sort_keys=True))


@cache
def _compiled(schema: str) -> Validator:
    return Validator(json.loads(schema))


def _collect(schema: Any, known: dict[str, Document], used: dict[str, Document]) -> None:
    """Add the schemas that this one refers to."""
    for each in every(schema):
        name = str(each.get("$ref", "")).rpartition("/")[2]
        if name and name not in used:
            used[name] = known[name]
            _collect(known[name], known, used)


_shapes: set[tuple[str, ...]] = set()


def faults_of(event: dict[str, Any]) -> list[str]:
    """Why the AsyncAPI document does not allow this event. Of events with the same fields one is checked."""
    shape = (event["event"], *event["data"])
    if shape in _shapes:
        return []
    _shapes.add(shape)
    wrong = event_validator(event["event"]).iter_errors(event)
    return [f"{error.json_path} of {event}: {error.message}" for error in wrong]


@cache
def event_validator(name: str) -> Validator:
    components = asyncapi("")["components"]
    assert name in {declared.name for declared in EVENTS}, f"{name} is not declared"
    (message,) = (each for each in components["messages"].values() if each["name"] == name)
    return _validator_of(message["payload"], {"components": components})


def closed(schema: Any) -> Any:
    """The schema, with objects that have no properties but those it names. A client must not count on that."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(item) for name, item in schema.items()}
    if inner.get("type") == "object" and "properties" in inner:
        inner.setdefault("additionalProperties", False)
    return inner
