"""Checks of a request's head that RFC 9110 and RFC 9112 require and twisted.web leaves out. Pure functions."""

import re
from collections.abc import Sequence

from justchat.errors import BadRequest, MethodNotAllowed, UriTooLong
from justchat.http.headers import is_host, list_elements

MOST_PARTS = 256
"""Segments and encoded bytes of a path, or parameters of a query. Thousands take as long as dozens of requests."""
_ABSOLUTE = re.compile(rb"(?:https?|wss?)://([^/?#]*)(.*)\Z", re.IGNORECASE | re.DOTALL)


def origin_form(method: bytes, target: bytes) -> bytes:
    """The path and query of a request's target (RFC 9112, section 3.2). Raises ApiError."""
    if method == b"CONNECT":
        raise MethodNotAllowed("this is no proxy")
    if target == b"*" and method == b"OPTIONS":
        return target
    if not target.startswith(b"/"):
        absolute = _ABSOLUTE.match(target)
        if absolute is None or not absolute[1] or not is_host(absolute[1]):
            raise BadRequest("the request's target is no path, and no http: URI")
        target = absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
    if b"#" in target:
        raise BadRequest("the request's target has a fragment")
    path, _, query = target.partition(b"?")
    if max(path.count(b"/") + path.count(b"%"), query.count(b"&") + query.count(b";") + 1) > MOST_PARTS:
        raise UriTooLong
    return target


def check_host(hosts: Sequence[bytes], version: bytes) -> None:
    """Check the Host fields of a request (RFC 9112, section 3.2). Raises BadRequest."""
    if len(hosts) > 1 or (not hosts and version == b"HTTP/1.1"):
        raise BadRequest("a request has one Host field")
    if hosts and not is_host(hosts[0]):
        raise BadRequest("the Host field is no host")


def expectations(expect: Sequence[bytes], version: bytes) -> set[bytes]:
    """The expectations in the Expect fields; none in HTTP/1.0 (RFC 9110, section 10.1.1)."""
    return list_elements(expect) if version == b"HTTP/1.1" else set()
