"""Delivery reports: the addresses that providers call, and what their reports say.

An address has the HMAC of the sender's name in it, so that nobody else can report. A report is counted and then
forgotten: it has a phone in it.
"""

import hmac
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

import orjson

from justchat.config.sms import SenderKind
from justchat.model.sms_count import DELIVERED, UNDELIVERED

PATH = "/sms/report/"

Fields = Mapping[str, Any]


def report_token(secret: str, sender: str) -> str:
    """What signs the address of a sender's reports: 32 hexadecimal digits."""
    return hmac.new(secret.encode(), f"sms report {sender}".encode(), "sha256").hexdigest()[:32]


def report_path(secret: str, sender: str) -> str:
    """The path that a sender's provider calls."""
    return f"{PATH}{sender}/{report_token(secret, sender)}"


def outcomes_of(kind: SenderKind, query: bytes, body: bytes) -> list[str]:
    """What a report says, DELIVERED and UNDELIVERED for each SMS; nothing for any other state.

    Reports are forms, queries or JSON. Raises ValueError for what is none of them.
    """
    read = _STATES.get(kind)
    if read is None:
        return []
    states, delivered, undelivered = read
    found = list(states(_fields(query, body)))
    return [DELIVERED if state in delivered else UNDELIVERED for state in found if state in delivered | undelivered]


def _fields(query: bytes, body: bytes) -> Fields:
    if body.lstrip().startswith(b"{"):
        value: Fields = orjson.loads(body)  # its error is a ValueError
        return value
    text = (query + b"&" + body).decode("ascii", "replace")
    return {name: values[0] for name, values in parse_qs(text, max_num_fields=500).items()}


def _field(name: str) -> Callable[[Fields], Iterator[str]]:
    def states(fields: Fields) -> Iterator[str]:
        yield str(fields.get(name))

    return states


def _within(*names: str) -> Callable[[Fields], Iterator[str]]:
    """The state at the end of a path of objects."""

    def states(fields: Fields) -> Iterator[str]:
        value: Any = fields
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        yield str(value)

    return states


def _smsru(fields: Fields) -> Iterator[str]:
    """``data[0]`` and so on: lines ``sms_status``, id, state, time."""
    for name, value in fields.items():
        lines = str(value).split("\n")
        if name.startswith("data[") and len(lines) >= 3 and lines[0] == "sms_status":
            yield lines[2].strip()


def _whatsapp(fields: Fields) -> Iterator[str]:
    for entry in _objects(fields, "entry"):
        for change in _objects(entry, "changes"):
            value = change.get("value")
            for status in _objects(value if isinstance(value, dict) else {}, "statuses"):
                yield str(status.get("status"))


def _objects(fields: Fields, name: str) -> Iterator[Fields]:
    listed = fields.get(name)
    yield from (each for each in (listed if isinstance(listed, list) else ()) if isinstance(each, dict))


_STATES: Mapping[SenderKind, tuple[Callable[[Fields], Iterator[str]], frozenset[str], frozenset[str]]] = {
    "twilio": (_field("MessageStatus"), frozenset({"delivered"}), frozenset({"undelivered", "failed"})),
    "vonage": (_field("status"), frozenset({"delivered"}), frozenset({"expired", "failed", "rejected", "deleted"})),
    "messagebird": (_field("status"), frozenset({"delivered"}), frozenset({"delivery_failed", "expired"})),
    "bird": (_within("payload", "status"), frozenset({"delivered"}), frozenset({"sending_failed", "delivery_failed"})),
    "smsru": (_smsru, frozenset({"103", "110"}), frozenset({"104", "105", "106", "107", "108", "150"})),
    "smsc": (_field("status"), frozenset({"1", "2"}), frozenset({"3", "20", "22", "23", "24", "25"})),
    "telegram": (_within("delivery_status", "status"), frozenset({"delivered", "read"}), frozenset({"expired"})),
    "whatsapp": (_whatsapp, frozenset({"delivered"}), frozenset({"failed"})),
}
"""By provider: where the states are in a report, and which of them mean an outcome. Others come before the end."""
