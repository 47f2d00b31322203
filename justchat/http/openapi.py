"""Generates the OpenAPI 3.1 document from the endpoints' declarations."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from justchat.config.limits import Limits
from justchat.errors import (
    ApiError,
    Busy,
    DatabaseAway,
    DiskFull,
    EncodingNotSupported,
    LoginTimeout,
    MethodNotAllowed,
    NotFound,
    StoreAway,
    TooManyRequests,
    Unavailable,
    reason_phrase,
)
from justchat.http.dispatcher import ANY_CALL, SERVER_ERRORS, errors_of
from justchat.http.endpoint import NONE, Endpoint
from justchat.http.fields import LimitName
from justchat.http.idempotency import IDEMPOTENCY_ERRORS
from justchat.http.schemas import REFERENCE, Schemas, camel

DESCRIPTION = """\
A call is a POST with a JSON object. A session's key, from `/init/auth`, goes into the header
`Authorization: Bearer KEY` or into the body as `session_key`.

The calls below `/server/` are for the server of an app. Each takes a server key, which the operator makes, in that
header alone.

An error has `error`, the status's reason phrase, `code`, a slug for programs, and `detail`, a sentence for people.

Status 440, "Login Timeout", is the original API's own: the session is unknown, ended or expired; sign in again. It is
not in HTTP's registry of statuses. A client whose library knows those alone maps it before the library looks at it:
see "Generated clients" in docs/protocol.rst.
"""
SERVER_TAG = "Server"
TAGS = {
    "init": "Sign-up, sign-in, sessions and profiles",
    "user": "Direct messages, coins and users",
    "gifts": "Gifts",
    "room": "Rooms and their messages",
    "complaints": "Complaints",
    "upload": "Pictures",
    SERVER_TAG: "An app's own server: its users, rooms and messages",
    "daemon": "Health and description of the daemon",
}
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
BYTES = "application/octet-stream"
PICTURE = {"type": "string", "format": "binary"}
SESSION_KEY = {"type": ["string", "null"]}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "a call that is sent again with the same key has the first answer and is not carried out again",
    "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
}
PICTURE_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "the url that /upload returned, without uploads/",
    "schema": {"type": "string", "pattern": r"^[0-9a-f]{32}\.(png|jpg|gif|webp)$"},
}
HEADERS = {
    "Retry-After": {"description": "seconds to wait", "schema": {"type": "integer", "minimum": 1}},
    "RateLimit": {
        "description": "the rate, and the seconds until the next call",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "so many calls in so many seconds",
        "schema": {"type": "string"},
    },
}
WELL: dict[str, Any] = {
    "type": "object",
    "properties": {"status": {"type": "string", "const": "ok"}},
    "required": ["status"],
}
READY = {
    "type": "object",
    "properties": {
        **WELL["properties"],
        "bus": {
            "type": "string",
            "enum": ["up", "away"],
            "description": "whether the bus that joins several daemons is there; absent where there is none",
        },
        "database": {"type": "string", "const": "up", "description": "whether the database answers"},
        "workers": {
            "type": "string",
            "enum": ["up", "away"],
            "description": "whether the processes for pictures and passwords are there",
        },
        "disk": {
            "type": "string",
            "enum": ["ok", "low", "full", "away"],
            "description": "whether the disk of the data directory has room",
        },
    },
    "required": ["status", "database", "workers", "disk"],
}
DOCUMENT = {"type": "object", "description": "an OpenAPI 3.1 document"}
EVENTS = {"type": "object", "description": "an AsyncAPI 3 document"}
FRONT = {"type": "object", "description": "the daemon's name and release, and the paths of what it serves"}
PAGE = {"type": "string", "description": "the web client; to who asks for JSON, or where it is off, the JSON"}
GET_ERRORS = (MethodNotAllowed,)
BODY_ERRORS = (EncodingNotSupported,)
"""The errors for which the body of any call may be refused before it is parsed."""
SHARED_ERRORS = (*ANY_CALL, *BODY_ERRORS, *SERVER_ERRORS, *IDEMPOTENCY_ERRORS, *GET_ERRORS)
"""The errors that many paths have. A status with just those is described once, by a schema that no path owns."""


def openapi(endpoints: Sequence[Endpoint], limits: Limits, version: str, *, for_users: bool = True) -> dict[str, Any]:
    """The document, with the configured limits. Not ``for_users``: of a port for app's servers alone."""
    configured: dict[str, Any] = _with_limits(openapi_template(endpoints, version, for_users=for_users), limits)
    return configured


def openapi_template(endpoints: Sequence[Endpoint], version: str, *, for_users: bool) -> dict[str, Any]:
    """The document with a name in the place of each limit. It depends on the code alone, and takes the longest."""
    schemas = Schemas()
    paths = {endpoint.path: {"post": _operation(endpoint, schemas)} for endpoint in endpoints}
    pages = _pages(schemas)
    if not for_users:
        del pages["/uploads/{name}"], pages["/asyncapi.json"]
    tags = {tag for path in (*paths.values(), *pages.values()) for call in path.values() for tag in call["tags"]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "JustChat", "version": version, "description": DESCRIPTION},
        "servers": [{"url": "/", "description": "the daemon that serves this document"}],
        "tags": [{"name": name, "description": description} for name, description in TAGS.items() if name in tags],
        "paths": {**paths, **pages},
        "components": {
            "schemas": schemas.named,
            "parameters": {"IdempotencyKey": IDEMPOTENCY_KEY},
            "headers": HEADERS,
            "securitySchemes": {
                "session": {"type": "http", "scheme": "bearer", "description": "a session's key, from /init/auth"},
                "serverKey": {"type": "http", "scheme": "bearer", "description": "a key of an app's server"},
            },
        },
    }


def _operation(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.path.strip("/").replace("/", "."),
        "summary": endpoint.summary,
        "tags": [SERVER_TAG if endpoint.scopes else endpoint.path.split("/")[1]],
        "requestBody": {
            "required": True,
            "content": _body(endpoint, schemas),
            "x-max-bytes": LimitName("body" if issubclass(endpoint.body, BaseModel) else "image"),
        },
        "responses": {**_successes(endpoint, schemas), **_failures(_errors(endpoint), schemas, camel(endpoint.path))},
        "security": _security(endpoint),
    }
    if endpoint.takes_idempotency_key:
        operation["parameters"] = [{"$ref": "#/components/parameters/IdempotencyKey"}]
    return operation


def _security(endpoint: Endpoint) -> list[dict[str, list[str]]]:
    if endpoint.scopes:
        return [{"serverKey": []}]
    # The key may be in the body, so no scheme is required here.
    return [] if endpoint.session is NONE else [{"session": []}, {}]


def _body(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    name = camel(endpoint.path) + "Request"
    if not issubclass(endpoint.body, BaseModel):
        properties = {"photo": PICTURE, "session_key": {"type": "string"}}
        form = schemas.name(name, {"type": "object", "properties": properties, "required": ["photo"]})
        # The format is read from the bytes, whatever content type is named, or none.
        return {"multipart/form-data": {"schema": form}, **{kind: {"schema": PICTURE} for kind in (BYTES, *PICTURES)}}
    schema = endpoint.body.model_json_schema(ref_template=REFERENCE)
    schema.setdefault("properties", {})
    if endpoint.session is not NONE:
        schema["properties"] = {"session_key": SESSION_KEY, **schema["properties"]}
    schema["description"] = f"The body of {endpoint.path}"
    return {"application/json": {"schema": schemas.name(name, schema), "example": endpoint.example}}


def _successes(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    schema = schemas.answer(endpoint.answer_adapter.json_schema(ref_template=REFERENCE))
    answer = {"application/json": {"schema": schema}}
    return {str(status): {"description": reason_phrase(status), "content": answer} for status in endpoint.statuses}


def _errors(endpoint: Endpoint) -> set[type[ApiError]]:
    """All errors that the call may answer."""
    errors: set[type[ApiError]] = {*errors_of(endpoint), *BODY_ERRORS}
    return errors - {LoginTimeout} if endpoint.session is NONE else errors


def _failures(errors: Iterable[type[ApiError]], schemas: Schemas, owner: str) -> dict[str, Any]:
    """The responses for these errors, each status with exactly the codes that it may have here."""
    errors = set(errors)
    responses: dict[str, Any] = {}
    for status in sorted({error.status for error in errors}):
        of_status = {error for error in errors if error.status == status}
        is_shared = of_status == {error for error in SHARED_ERRORS if error.status == status}
        response: dict[str, Any] = {
            "description": reason_phrase(status),
            "content": {"application/json": {"schema": schemas.errors(of_status, "" if is_shared else owner)}},
        }
        headers: tuple[str, ...] = ()
        if any(issubclass(error, TooManyRequests) for error in of_status):
            headers = ("Retry-After", "RateLimit", "RateLimit-Policy")
        elif any(issubclass(error, Unavailable) for error in of_status):
            headers = ("Retry-After",)
        if headers:
            response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
        responses[str(status)] = response
    return responses


def _pages(schemas: Schemas) -> dict[str, Any]:
    """The paths that are read with GET."""
    well, document = schemas.name("Well", WELL), schemas.name("OpenApiDocument", DOCUMENT)
    events = schemas.name("AsyncApiDocument", EVENTS)
    front, ready = schemas.name("Front", FRONT), schemas.name("Ready", READY)
    pages: dict[str, Any] = {}
    for path, operation_id, summary, content, errors in (
        ("/", "front", "The web client, or what this server is", {"application/json": front, "text/html": PAGE}, ()),
        ("/livez", "livez", "The process answers", {"application/json": well}, ()),
        (
            "/readyz",
            "readyz",
            "The database answers, too",
            {"application/json": ready},
            (Unavailable, DatabaseAway),
        ),
        ("/openapi.json", "openapi", "This document", {"application/json": document}, ()),
        ("/asyncapi.json", "asyncapi", "The socket and its events", {"application/json": events}, ()),
        (
            "/uploads/{name}",
            "uploads",
            "An uploaded picture",
            dict.fromkeys(PICTURES, PICTURE),
            (NotFound, StoreAway, DatabaseAway, DiskFull, Busy),
        ),
    ):
        answer = {
            "description": reason_phrase(200),
            "content": {kind: {"schema": one} for kind, one in content.items()},
        }
        pages[path] = {
            "get": {
                "operationId": operation_id,
                "summary": summary,
                "tags": ["daemon" if operation_id != "uploads" else "upload"],
                "security": [],
                "responses": {"200": answer, **_failures((*errors, *GET_ERRORS), schemas, camel(operation_id))},
            }
        }
    for described in ("/openapi.json", "/asyncapi.json"):
        pages[described]["get"]["responses"]["304"] = {"description": reason_phrase(304)}
    picture = pages["/uploads/{name}"]["get"]
    picture["parameters"] = [PICTURE_NAME]
    picture["responses"]["206"] = {**picture["responses"]["200"], "description": reason_phrase(206)}
    picture["responses"]["304"] = {"description": reason_phrase(304)}
    picture["responses"]["416"] = {"description": reason_phrase(416)}
    return pages


def _with_limits(value: Any, limits: Limits) -> Any:
    if isinstance(value, LimitName):
        return getattr(limits, str(value))
    if isinstance(value, Mapping):
        return {key: _with_limits(item, limits) for key, item in value.items()}
    return [_with_limits(item, limits) for item in value] if isinstance(value, list | tuple) else value
