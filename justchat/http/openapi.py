"""The OpenAPI 3.1 document, made from the endpoints' declarations alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter

from justchat.config import Limits
from justchat.errors import ApiError, LoginTimeout, Unavailable, reason_phrase
from justchat.http.dispatch import ANY_CALL
from justchat.http.endpoint import NONE, Endpoint
from justchat.http.fields import LimitName

REFERENCE = "#/components/schemas/{model}"
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
PICTURE = {"type": "string", "format": "binary"}
SESSION_KEY = {"type": "string", "description": "instead of the Authorization header"}


def openapi(endpoints: Sequence[Endpoint], limits: Limits, version: str) -> dict[str, Any]:
    """The document, with the limits as they are configured."""
    schemas: dict[str, Any] = {}
    paths = {endpoint.path: {"post": _operation(endpoint, schemas)} for endpoint in endpoints}
    for path, summary in (
        ("/livez", "The process answers"),
        ("/readyz", "Its database answers, too"),
        ("/openapi.json", "This document"),
    ):
        paths[path] = {"get": {"summary": summary, "responses": {"200": {"description": "OK"}}}}
    paths["/uploads/{name}"] = {
        "get": {
            "summary": "A picture that was uploaded",
            "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}],
            "responses": {"200": {"description": "OK", "content": {kind: {"schema": PICTURE} for kind in PICTURES}}},
        }
    }
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
        "requestBody": {"required": True, "content": _body(endpoint, schemas)},
        "responses": {**_successes(endpoint, schemas), **_failures(endpoint)},
    }
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
    schema = _gathered(TypeAdapter(endpoint.answer).json_schema(ref_template=REFERENCE), schemas)
    answer = {"application/json": {"schema": schema}}
    return {str(status): {"description": reason_phrase(status), "content": answer} for status in endpoint.statuses}


def _failures(endpoint: Endpoint) -> dict[str, Any]:
    """Every error the call may answer, with exactly the codes that its status may have here."""
    errors: set[type[ApiError]] = {*ANY_CALL, *endpoint.raises}
    if endpoint.session is NONE:
        errors.discard(LoginTimeout)
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
        if any(issubclass(error, Unavailable) for error in of_status):
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
