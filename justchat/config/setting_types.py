"""The types of settings. Each validates its values, and raises ValueError with what is wrong."""

import os
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from justchat.config.secrets import Secret, resolved
from justchat.model.phone import NumberType, is_region
from justchat.model.rate import parse_rate
from justchat.model.text import shows


def _rate(written: str) -> str:
    parse_rate(written)
    return written


def _network(written: str) -> str:
    ip_network(written)
    return written


def _region(written: str) -> str:
    if not is_region(written):
        raise ValueError("not a region of two capital letters, as RU")
    return written


def _number_type(written: str) -> NumberType:
    try:
        return NumberType(written)
    except ValueError:
        raise ValueError(f"not one of {', '.join(known.value for known in NumberType)}") from None


def _http_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    if "@" in urlsplit(url).netloc:
        raise ValueError("must have no user and password; use an Authorization header")
    return url


MOST_WORKERS = 256
_DEFAULT_PORTS = {"http": 80, "https": 443}
CONTROL_GROUPS = Path("/sys/fs/cgroup")


def usable_cores(membership: Path = Path("/proc/self/cgroup"), groups: Path = CONTROL_GROUPS) -> int:
    """Cores that this process may use, by its affinity and by the quota of its control group."""
    cores = len(os.sched_getaffinity(0))
    with suppress(OSError):
        for line in membership.read_text().splitlines():
            if line.startswith("0::/"):
                group = groups / line.removeprefix("0::/")
                cores = min([cores, *map(_quota, (group, *group.parents))])
    return max(1, cores)


def _quota(group: Path) -> int:
    """The whole cores that a control group (version 2) may use."""
    try:
        quota, period = (group / "cpu.max").read_text().split()
        return int(quota) // int(period)
    except (OSError, ValueError):  # there is no such group, or it has "max"
        return MOST_WORKERS


def _workers(written: object) -> int:
    if written == "auto":
        return usable_cores()
    if isinstance(written, bool) or not isinstance(written, int) or not 1 <= written <= MOST_WORKERS:
        raise ValueError(f'must be a number from 1 to {MOST_WORKERS}, or "auto"')
    return written


def _origin(url: str) -> str:
    parts = urlsplit(_http_url(url))
    if parts.path not in ("", "/") or parts.query or parts.fragment or not parts.hostname:
        raise ValueError("must be a scheme and a host, as https://s3.example.com")
    return f"{parts.scheme}://{parts.netloc}"


_ORIGINS_OF_APPS = ("file://", "null")
"""What WebViews and pages without an origin of their own send."""


def _page_origin(written: str) -> str:
    if written == "*" or written in _ORIGINS_OF_APPS:
        return written
    parts = urlsplit(written)
    if not parts.scheme or not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError('must be "*", or a scheme and a host, as https://chat.example.com')
    host = parts.hostname.encode("idna").decode()
    port = None if parts.port == _DEFAULT_PORTS.get(parts.scheme) else parts.port
    sent = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{'' if port is None else f':{port}'}"
    if written != sent:
        raise ValueError(f"never matches: browsers send {sent}")
    return written


UNREAD = Secret("https://unread.invalid/{phone}/{text}")
"""Takes the place of a secret in a file or in the environment, where ``load_settings`` is not to read it."""


def _needed(written: object, handler: ValidatorFunctionWrapHandler) -> Secret:
    text = handler(resolved(written))
    if not shows(text):
        raise ValueError("must not be empty")
    return Secret(text)


def _secret(written: object, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Secret:
    if isinstance(written, dict) and (info.context or {}).get("secrets") is False:
        return UNREAD
    return _needed(written, handler)


def _template(written: object, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Secret:
    return Secret("") if written == "" else _secret(written, handler, info)


def _secrets(written: object, info: ValidationInfo) -> tuple[Secret, ...]:
    found = []
    for each in written if isinstance(written, tuple | list) else (written,):
        try:
            text = resolved(each)
        except ValueError:
            if (info.context or {}).get("secrets") is False:
                return ()
            raise
        if not isinstance(text, str):
            raise ValueError("must be a text, or a list of texts")
        found.append(Secret(text))
    if not all(text.strip() for text in found) or not found:
        raise ValueError("must not be empty")
    return tuple(found)


Workers = Annotated[int, BeforeValidator(_workers)]
Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Days = Annotated[float, Field(gt=0, le=36_500)]
NeededSecret = Annotated[str, WrapValidator(_needed)]
"""A secret that is always read."""
SecretText = Annotated[str, WrapValidator(_secret)]
Secrets = Annotated[tuple[str, ...], PlainValidator(_secrets)]
"""One secret, or a list of them; always read. Where ``load_settings`` need not read secrets and cannot, it is empty."""
SecretTemplate = Annotated[str, WrapValidator(_template)]
"""A secret that may be empty."""
SecretUrl = Annotated[SecretText, AfterValidator(_http_url)]
Origin = Annotated[str, AfterValidator(_origin)]
"""A scheme and a host of HTTP, with a port or without."""
PageOrigins = tuple[Annotated[str, AfterValidator(_page_origin)], ...]
"""Origins of pages as browsers send them, or ``*``."""
Region = Annotated[str, AfterValidator(_region)]
NumberTypes = Annotated[tuple[Annotated[NumberType, BeforeValidator(_number_type)], ...], Field(min_length=1)]
Networks = tuple[Annotated[str, AfterValidator(_network)], ...]
RateText = Annotated[str, AfterValidator(_rate)]
RateTexts = tuple[RateText, ...]
"""Rates that hold together."""
