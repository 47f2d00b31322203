"""Packets of the bus, as the log writes and reads them.

Invariant: what comes from the bus is checked field by field before anything uses it, since others may reach the node.
"""

from collections.abc import Mapping
from datetime import datetime
from struct import Struct
from typing import Any

from bson import ObjectId, decode, encode
from bson.errors import BSONError

from justchat.model.entry import CHANGES_MESSAGE, Entry, Hold, Kind
from justchat.model.ids import Id
from justchat.store.bson import HOLDS, KINDS, entry_from_document
from justchat.store.mongo.pool import CODEC

_SEQ_AT = 4 + (1 + 4 + 12) + (1 + 7 + 12)
"""An entry's document begins with its length, ``_id`` and ``stream``; then comes ``seq``."""
_SEQ32 = b"\x10seq\x00"
_SEQ64 = b"\x12seq\x00"
_VALUE_AT = _SEQ_AT + len(_SEQ32)
_INT32 = Struct("<i").unpack_from
_INT64 = Struct("<q").unpack_from

_REQUIRED: dict[str, type] = {
    "_id": ObjectId,
    "stream": ObjectId,
    "seq": int,
    "kind": str,
    "author": ObjectId,
    "create_at": datetime,
}
_OPTIONAL: dict[str, type] = {
    "text": str,
    "user": ObjectId,
    "room": ObjectId,
    "finished": datetime,
    "order": int,
    "ref_message": dict,
    "gift": dict,
    "voids": int,
    "message": ObjectId,
    "removed_at": datetime,
    "gap": int,
    "held": str,
    "blocks": list,
    "settings": dict,
    "expired": dict,
}
_SETTINGS: dict[str, type] = {"name": str, "max_users": int, "slow_mode": int}
_EXPIRED: dict[str, type] = {"upto": int, "changes": int}
_BLOCK: dict[str, type] = {"user": ObjectId, "at": datetime}
_RELEASES = {Kind.RELEASE.value, Kind.DIRECT_RELEASE.value}
_GIFT: dict[str, type] = {"_id": ObjectId, "name": str, "image": str, "price": int, "create_at": datetime}


_OF_A_MESSAGE = frozenset(kind.value for kind in CHANGES_MESSAGE - {Kind.EXPIRY} | {Kind.DIRECT_REMOVED})


def seq_of_packet(body: bytes) -> int | None:
    """The seq of an entry's document, without decoding it; None where it is not where it belongs.

    A daemon receives its own packets too, and this is all that it reads of them.
    """
    key = body[_SEQ_AT:_VALUE_AT]
    if key == _SEQ32 and len(body) >= _VALUE_AT + 4:
        return int(_INT32(body, _VALUE_AT)[0])
    if key == _SEQ64 and len(body) >= _VALUE_AT + 8:
        return int(_INT64(body, _VALUE_AT)[0])
    return None


def entry_of_packet(stream: Id, body: bytes) -> Entry | None:
    """The entry of a packet of this stream; None where it is not well formed."""
    try:
        document = decode(body, CODEC)
    except BSONError:
        return None
    if not _is_entry(document) or str(document["stream"]) != stream or document["seq"] < 1:
        return None
    return entry_from_document(document)


def _is_entry(document: Mapping[str, Any]) -> bool:
    return (
        _has(document, _REQUIRED)
        and document["kind"] in KINDS
        and (document["kind"] not in _OF_A_MESSAGE or document.get("message") is not None)
        and document.get("held", Hold.WAITING) in HOLDS
        and (document["kind"] not in _RELEASES or document.get("ref_message") is not None)
        and all(_is(document[name], kind) for name, kind in _OPTIONAL.items() if document.get(name) is not None)
        and (document.get("ref_message") is None or _is_entry(document["ref_message"]))
        and all(isinstance(each, Mapping) and _has(each, _BLOCK) for each in document.get("blocks") or ())
        and (document.get("settings") is None or _are_settings(document["settings"]))
        and (document["kind"] != Kind.EDIT_ROOM or document.get("settings") is not None)
        and (document["kind"] != Kind.EXPIRY or document.get("expired") is not None)
        and (document.get("expired") is None or _is_expired(document["expired"]))
        and (document.get("gift") is None or _has(document["gift"], _GIFT))
    )


def _are_settings(settings: Mapping[str, Any]) -> bool:
    is_whole = settings.keys() == {*_SETTINGS, "password"} and _has(settings, _SETTINGS)
    return is_whole and isinstance(settings["password"], str | None)


def _is_expired(expired: Mapping[str, Any]) -> bool:
    return expired.keys() == _EXPIRED.keys() and _has(expired, _EXPIRED)


def _has(document: Mapping[str, Any], fields: Mapping[str, type]) -> bool:
    return all(_is(document.get(name), kind) for name, kind in fields.items())


def _is(value: object, kind: type) -> bool:
    return isinstance(value, kind) and type(value) is not bool


def hint(seq: int) -> bytes:
    """The body of a HINT."""
    return encode({"seq": seq})


def seq_of_hint(body: bytes) -> int | None:
    """The seq of a HINT; None where it is not well formed."""
    try:
        seq = decode(body, CODEC).get("seq")
    except BSONError:
        return None
    return seq if _is(seq, int) else None
