"""Answers, checked against the OpenAPI document that the daemon serves."""

from typing import Any

from jsonschema import Draft202012Validator

_validators: dict[tuple[int, str, int], Draft202012Validator] = {}


def assert_allowed(document: dict[str, Any], path: str, status: int, body: Any) -> None:
    """Fails where the document does not foresee this answer of a call."""
    operation = document.get("paths", {}).get(path, {}).get("post")
    if operation is None:
        return
    key = (id(document), path, status)
    if key not in _validators:
        response = operation["responses"].get(str(status))
        assert response is not None, f"{path} does not declare {status}: {body}"
        schema = response["content"]["application/json"]["schema"]
        _validators[key] = Draft202012Validator({**schema, "components": document["components"]})
    wrong = [f"{error.json_path}: {error.message}" for error in _validators[key].iter_errors(body)]
    assert not wrong, f"{path} {status}: {wrong}"
