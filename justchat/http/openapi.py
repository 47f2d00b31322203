"""The OpenAPI 3.1 document, made from the endpoints' declarations alone."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from justchat.config import Limits
from justchat.errors import ApiError, DatabaseAway, LoginTimeout, NotFound, TooManyRequests, Unavailable, reason_phrase
from justchat.http.dispatch import errors_of
from justchat.http.endpoint import NONE, Endpoint
from justchat.http.fields import LimitName

REFERENCE = "#/components/schemas/{model}"
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
PICTURE = {"type": "string", "format": "binary"}
SESSION_KEY = {"type": ["string", "null"], "description": "instead of the Authorization header"}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "sent again with the same key, the call is answered as the first time and not carried out again",
    "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
}
WELL = {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]}


def openapi(endpoints: Sequence[Endpoint], limits: Limits, version: str) -> dict[str, Any]:
    """The document, with the limits as they are configured."""
    schemas: dict[str, Any] = {}
    paths = {endpoint.path: {"post": _operation(endpoint, schemas)} for endpoint in endpoints}
    for path, summary, kinds, schema, errors in (
        ("/livez", "The process answers", ["application/json"], WELL, ()),
        ("/readyz", "Its database answers, too", ["application/json"], WELL, (Unavailable, DatabaseAway)),
        ("/openapi.json", "This document", ["application/json"], {"type": "object"}, ()),
        ("/uploads/{name}", "A picture that was uploaded", PICTURES, PICTURE, (NotFound,)),
    ):
        answer = {"description": reason_phrase(200), "content": {kind: {"schema": schema} for kind in kinds}}
        paths[path] = {"get": {"summary": summary, "responses": {"200": answer, **_failures(errors)}}}
    paths["/openapi.json"]["get"]["responses"]["304"] = {"description": reason_phrase(304)}
    paths["/uploads/{name}"]["get"]["parameters"] = [
        {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
    ]
    document = {
        "openapi": "3.1.0",
        "info": {"title": "JustChat", "version": version},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"session": {"type": "http", "scheme": "bearer"}},
        },
    }
    configured: dict[str, Any] = _with_limits(document, limits)
    return configured


def _operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.path.strip("/").replace("/", "."),
        "summary": endpoint.summary,
        "tags": [endpoint.path.split("/")[1]],
        "requestBody": {
            "required": True,
            "content": _body(endpoint, schemas),
            "x-max-bytes": LimitName("body" if issubclass(endpoint.body, BaseModel) else "image"),
        },
        "responses": {**_successes(endpoint, schemas), **_failures(_errors(endpoint))},
    }
    if endpoint.once:
        operation["parameters"] = [IDEMPOTENCY_KEY]
    if endpoint.session is not NONE:
        # The key may stand in the body, so that no scheme is required here.
        operation["security"] = [{"session": []}, {}]
    return operation


def _body(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    if not issubclass(endpoint.body, BaseModel):
        form = {"type": "object", "properties": {"photo": PICTURE, "session_key": SESSION_KEY}, "required": ["photo"]}
        return {"multipart/form-data": {"schema": form}, **{kind: {"schema": PICTURE} for kind in PICTURES}}
    schema = _gathered(endpoint.body.model_json_schema(ref_template=REFERENCE), schemas)
    schema.setdefault("properties", {})
    if endpoint.session is not NONE:
        schema["properties"] = {"session_key": SESSION_KEY, **schema["properties"]}
    return {"application/json": {"schema": schema, "example": endpoint.example}}


def _successes(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    schema = _gathered(endpoint.answers.json_schema(ref_template=REFERENCE), schemas)
    answer = {"application/json": {"schema": schema}}
    return {str(status): {"description": reason_phrase(status), "content": answer} for status in endpoint.statuses}


def _errors(endpoint: Endpoint) -> set[type[ApiError]]:
    """Every error the call may answer."""
    errors: set[type[ApiError]] = set(errors_of(endpoint))
    return errors - {LoginTimeout} if endpoint.session is NONE else errors


def _failures(errors: Iterable[type[ApiError]]) -> dict[str, Any]:
    """The answers of these errors, each status with exactly the codes that it may have here."""
    errors = set(errors)
    responses: dict[str, Any] = {}
    for status in sorted({error.status for error in errors}):
        of_status = [error for error in errors if error.status == status]
        properties: dict[str, Any] = {
            "error": {"const": reason_phrase(status)},
            "code": {"enum": sorted({error.code for error in of_status})},
            "detail": {"type": "string"},
        }
        if status == 400:
            field = {"type": "object", "properties": {"field": {"type": "string"}, "detail": {"type": "string"}}}
            properties["fields"] = {"type": "array", "items": field}
        schema = {"type": "object", "properties": properties, "required": ["error", "code", "detail"]}
        response: dict[str, Any] = {
            "description": reason_phrase(status),
            "content": {"application/json": {"schema": schema}},
        }
        if any(issubclass(error, Unavailable | TooManyRequests) for error in of_status):
            response["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
        responses[str(status)] = response
    return responses


def _gathered(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema, its definitions put among those of the document."""
    for name, definition in schema.pop("$defs", {}).items():
        known = schemas.setdefault(name, definition)
        assert known == definition, f"two schemas are called {name}"
    return schema


def _with_limits(value: Any, limits: Limits) -> Any:
    if isinstance(value, LimitName):
        return getattr(limits, str(value))
    if isinstance(value, Mapping):
        return {key: _with_limits(item, limits) for key, item in value.items()}
    return [_with_limits(item, limits) for item in value] if isinstance(value, list | tuple) else value
