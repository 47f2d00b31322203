"""The schemas of requests allow what the daemon accepts, and nothing else."""

import json
import os
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError
from twisted.trial.unittest import TestCase

from justchat.config.limits import Limits
from justchat.http.endpoint import Endpoint
from justchat.http.fields import MAX_OFFSET, FieldContext
from justchat.http.openapi import openapi
from justchat.model.phone import NumberType
from tests.support.bodies import JSON
from tests.support.declared import declared, inner_model

EXAMPLES = int(os.environ.get("JUSTCHAT_BODIES", "15"))
"""For each call and each way."""
SHAPE = FieldContext(Limits(), "RU", frozenset(NumberType))
NETWORKS = ("192.0.2.0/24", "192.0.2.7", "2001:db8::/32")
PHONES = ("+79223438450", "8 (922) 343-84-50", 79223438450, "79223438450")
"""No schema can describe phone numbers."""
LIKELY = st.one_of(
    st.sampled_from((*PHONES, "52efb7baf009c900003731c7", "only", "vk", "1990-2-8", "2000-02-29", "1999-02-29")),
    st.sampled_from(
        (0, 1, -1, 15.0, -2.0, 2**53, 1e15, 4102444800000, 309675, 1.5, None, True, "", " ", "\u200b", "a")
    ),
    st.sampled_from(("2026-11-26", "2026-11-26T10:00:00Z", "2026-11-26T10:00:00.000+03:00", "2026-11-31", "2026")),
    st.dates(date(1000, 1, 1), date(9899, 12, 31)).map(str),
    st.datetimes(datetime(1000, 1, 1), datetime(9899, 12, 31)).map(lambda moment: moment.isoformat() + "Z"),
    st.text(max_size=20),
)
SORT = st.dictionaries(st.sampled_from(("name", "users", "create_at", "colour")), st.sampled_from((1, -1, 1.0, 0, "1")))
QUICK = settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def made_from(schema: dict[str, Any]) -> SearchStrategy[Any]:
    """Values that a schema allows, of the keywords that ours use. (hypothesis-jsonschema lags behind hypothesis.)"""
    if "const" in schema or "enum" in schema:
        return st.sampled_from([schema["const"]] if "const" in schema else schema["enum"])
    if "anyOf" in schema:
        return st.one_of([made_from(kind) for kind in schema["anyOf"]])
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    allowed = Draft202012Validator(schema)
    return st.one_of([made_of_kind(kind, schema) for kind in kinds]).filter(allowed.is_valid)


def made_of_kind(kind: str, schema: dict[str, Any]) -> SearchStrategy[Any]:
    if kind == "string":
        pattern = schema.get("pattern", "")
        if pattern.startswith("^"):
            # In Python a $ goes before a last line feed, too; in ECMA-262, which JSON Schema means, it does not.
            return st.from_regex(pattern.removesuffix("$") + r"\Z")
        return st.text(min_size=1 if pattern else 0, max_size=min(schema.get("maxLength", 50), 50))
    if kind == "integer":
        whole = st.integers(schema.get("minimum"), schema.get("maximum"))
        return whole | whole.filter(lambda number: abs(number) < 2**53).map(float)  # JSON Schema knows no difference
    if kind == "number":
        return st.floats(schema["minimum"], schema["maximum"]) | st.integers(schema["minimum"], schema["maximum"])
    if kind == "array":
        return st.lists(made_from(schema["items"]), max_size=schema.get("maxItems"))
    if kind == "object":
        fields = {name: made_from(field) for name, field in schema.get("properties", {}).items()}
        required = {name: fields[name] for name in schema.get("required", ())}
        return st.fixed_dictionaries(required, optional={name: fields[name] for name in fields.keys() - required})
    return {"null": st.none(), "boolean": st.booleans()}[kind]


def inlined(schema: Any, document: dict[str, Any]) -> Any:
    """The schema with what it refers to in its place, phones for phones, and networks for networks."""
    if isinstance(schema, list):
        return [inlined(item, document) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return inlined(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    if any(kind.get("format") == "phone" for kind in schema.get("anyOf", ())):
        return {"enum": list(PHONES)}
    if schema.get("format") == "cidr":
        return {"enum": list(NETWORKS)}
    return {name: inlined(inner, document) for name, inner in schema.items()}


def likely(model: type[BaseModel]) -> SearchStrategy[Any]:
    """Objects with some of a body's fields: values that may be right, and others."""
    fields: dict[str, SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        inner = inner_model(field.annotation)
        lists = st.lists(LIKELY, max_size=3)
        fields[name] = likely(inner) | LIKELY if inner else LIKELY | lists | JSON | (SORT if name == "sort" else LIKELY)
    return st.fixed_dictionaries({}, optional=fields)


class Schemas(TestCase):
    def setUp(self) -> None:
        self.document: dict[str, Any] = json.loads(json.dumps(openapi(declared(), SHAPE.limits, "1")))

    def request(self, path: str) -> dict[str, Any]:
        """The schema of a call's body."""
        content = self.document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        schema: dict[str, Any] = content["schema"]
        return schema

    def test_made_is_taken(self) -> None:
        """A body that is made from a call's schema is not refused for its shape."""
        for endpoint in declared():
            made = made_from(inlined(self.request(endpoint.path), self.document))
            for_each(made.filter(not_too_deep), lambda body, of=endpoint: self.assertIsNone(refusal(of, body)))

    def test_taken_is_described(self) -> None:
        """A body that the daemon takes is one that the call's schema allows."""
        for endpoint in declared():
            schema = {**self.request(endpoint.path), "components": self.document["components"]}
            allowed = Draft202012Validator(schema)

            def described(body: Any, endpoint: Endpoint = endpoint, allowed: Any = allowed) -> None:
                key = body.get("key")  # a phone of another kind is refused, but its shape is right
                odd = isinstance(key, int | float) and not 0 <= key <= 2**53
                if refusal(endpoint, body) is None and not odd:
                    wrong = [f"{error.json_path}: {error.message}" for error in allowed.iter_errors(body)]
                    self.assertEqual([], wrong, f"{endpoint.path} takes {body}")

            for_each(likely(endpoint.body), described)


def not_too_deep(body: dict[str, Any]) -> bool:
    """No schema can describe a bound on a product."""
    return (body.get("page", 1) - 1) * body.get("per_page", 40) <= MAX_OFFSET


def refusal(endpoint: Endpoint, body: Any) -> str | None:
    """Why the daemon refuses a body, or None."""
    assert issubclass(endpoint.body, BaseModel)
    try:
        endpoint.body.model_validate(json.loads(json.dumps(body)), context=SHAPE)
    except ValidationError as error:
        return f"{endpoint.path} refuses {body}: {error}"
    return None


def for_each(strategy: SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Runs a check with each of EXAMPLES values. Raises what it raises, with the smallest value that makes it so."""

    @QUICK
    @given(strategy)
    def run(value: Any) -> None:
        check(value)

    run()
