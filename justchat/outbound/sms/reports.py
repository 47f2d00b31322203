"""Delivery reports: the addresses that providers call, and what their reports say.

An address has the HMAC of the sender's name in it, so that nobody else can report. A report is counted and then
forgotten: it has a phone in it. For a while a digest tells a repeated one.
"""

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

import orjson

from justchat.config.sms import SenderKind
from justchat.model.sms_count import DELIVERED, UNDELIVERED

PATH = "/sms/report/"

Fields = Mapping[str, Any]
State = tuple[Any, str]
"""The provider's id of an SMS, if it names one, and the state."""


def report_token(secret: str, sender: str) -> str:
    """What signs the address of a sender's reports: 32 hexadecimal digits."""
    return hmac.new(secret.encode(), f"sms report {sender}".encode(), "sha256").hexdigest()[:32]


def report_path(secret: str, sender: str) -> str:
    """The path that a sender's provider calls."""
    return f"{PATH}{sender}/{report_token(secret, sender)}"


def outcomes_of(kind: SenderKind, query: bytes, body: bytes) -> list[tuple[str, str]]:
    """What a report says: for each SMS the provider's id of it, and DELIVERED or UNDELIVERED; nothing for any other
    state. Providers repeat reports, also without need. Where one names no id, its content stands for that.

    Reports are forms, queries or JSON. Raises ValueError for what is none of them.
    """
    read = _STATES.get(kind)
    if read is None:
        return []
    states, delivered, undelivered = read
    content = sha256(query + b"\0" + body).hexdigest()
    return [
        (str(id or f"{content} {number}"), DELIVERED if state in delivered else UNDELIVERED)
        for number, (id, state) in enumerate(states(_fields(query, body)))
        if state in delivered | undelivered
    ]


def _fields(query: bytes, body: bytes) -> Fields:
    if body.lstrip().startswith(b"{"):
        value: Fields = orjson.loads(body)  # its error is a ValueError
        return value
    text = (query + b"&" + body).decode("ascii", "replace")
    return {name: values[0] for name, values in parse_qs(text, max_num_fields=500).items()}


def _field(name: str, *ids: str) -> Callable[[Fields], Iterator[State]]:
    def states(fields: Fields) -> Iterator[State]:
        yield _first(fields, ids), str(fields.get(name))

    return states


def _first(fields: Fields, names: Iterable[str]) -> Any:
    """The first of these that a report has."""
    return next((fields[name] for name in names if fields.get(name)), None)


def _bird(fields: Fields) -> Iterator[State]:
    payload = _object(fields, "payload")
    yield payload.get("id"), str(payload.get("status"))


def _telegram(fields: Fields) -> Iterator[State]:
    yield fields.get("request_id"), str(_object(fields, "delivery_status").get("status"))


def _smsru(fields: Fields) -> Iterator[State]:
    """``data[0]`` and so on: lines ``sms_status``, id, state, time."""
    for name, value in fields.items():
        lines = str(value).split("\n")
        if name.startswith("data[") and len(lines) >= 3 and lines[0] == "sms_status":
            yield lines[1].strip(), lines[2].strip()


def _whatsapp(fields: Fields) -> Iterator[State]:
    for entry in _objects(fields, "entry"):
        for change in _objects(entry, "changes"):
            for status in _objects(_object(change, "value"), "statuses"):
                yield status.get("id"), str(status.get("status"))


def _object(fields: Fields, name: str) -> Fields:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _objects(fields: Fields, name: str) -> Iterator[Fields]:
    listed = fields.get(name)
    yield from (each for each in (listed if isinstance(listed, list) else ()) if isinstance(each, dict))


_STATES: Mapping[SenderKind, tuple[Callable[[Fields], Iterator[State]], frozenset[str], frozenset[str]]] = {
    "twilio": (
        _field("MessageStatus", "MessageSid", "SmsSid"),
        frozenset({"delivered"}),
        frozenset({"undelivered", "failed"}),
    ),
    "vonage": (
        _field("status", "messageId", "message_uuid"),
        frozenset({"delivered"}),
        frozenset({"expired", "failed", "rejected", "deleted"}),
    ),
    "messagebird": (_field("status", "id"), frozenset({"delivered"}), frozenset({"delivery_failed", "expired"})),
    "bird": (_bird, frozenset({"delivered"}), frozenset({"sending_failed", "delivery_failed"})),
    "smsru": (_smsru, frozenset({"103", "110"}), frozenset({"104", "105", "106", "107", "108", "150"})),
    "smsc": (_field("status", "id"), frozenset({"1", "2"}), frozenset({"3", "20", "22", "23", "24", "25"})),
    "telegram": (_telegram, frozenset({"delivered", "read"}), frozenset({"expired"})),
    "whatsapp": (_whatsapp, frozenset({"delivered"}), frozenset({"failed"})),
}
"""By provider: where ids and states are in a report, and which states mean an outcome. Others come before the end."""
