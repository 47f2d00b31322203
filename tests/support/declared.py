"""The calls that take JSON, and the fields of their bodies."""

import inspect
from typing import Any, get_args

from pydantic import BaseModel

from justchat.http.declared import all_declared
from justchat.http.endpoint import Endpoint


def declared() -> list[Endpoint]:
    """Every declared call that takes JSON."""
    return [endpoint for endpoint in all_declared() if inner_model(endpoint.body)]


def inner_model(annotation: Any) -> type[BaseModel] | None:
    """The model that a field's type is, or allows."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := inner_model(part))), None)


def field_names(model: type[BaseModel], prefix: str = "") -> set[str]:
    """The dotted names of a body's fields, nested ones too."""
    names: set[str] = set()
    for name, field in model.model_fields.items():
        names.add(prefix + name)
        inner = inner_model(field.annotation)
        if inner is not None:
            names |= field_names(inner, f"{prefix}{name}.")
    return names
