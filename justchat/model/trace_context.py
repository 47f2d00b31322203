"""The trace that a request belongs to (W3C Trace Context, https://www.w3.org/TR/trace-context/)."""

import re

from attrs import frozen

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_INVALID_VERSION, _FIRST_VERSION = "ff", "00"
LONGEST = 256
"""Characters of a header that are read."""


@frozen
class TraceContext:
    """``trace_id`` has 32 hexadecimal digits, ``parent_id``, the caller's span, 16."""

    trace_id: str
    parent_id: str


def parse_traceparent(value: str) -> TraceContext | None:
    """The trace that a ``traceparent`` header names; None where it is malformed, and so to be ignored (section 3.2)."""
    matched = _TRACEPARENT.fullmatch(value.strip(" \t")) if len(value) <= LONGEST else None
    if matched is None:
        return None
    version, trace_id, parent_id, more = matched.groups()
    # A later version may append fields to these.
    if version == _INVALID_VERSION or (version == _FIRST_VERSION and more is not None):
        return None
    return TraceContext(trace_id, parent_id) if trace_id.strip("0") and parent_id.strip("0") else None
