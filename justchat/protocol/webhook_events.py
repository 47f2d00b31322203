"""The bodies of webhooks: ``{type, timestamp, data}``, with the documents that clients see as ``data``."""

import re
from collections.abc import Mapping

import orjson

from justchat.model.entry import OPERATOR, Entry, Kind
from justchat.model.gift import Transfer
from justchat.model.ids import Id
from justchat.model.moment import iso
from justchat.model.webhook import TYPE_OF_KIND, WebhookEvent
from justchat.protocol.documents import message_document, sended_gift_document, sent_document, transfer_document

_ID = re.compile(rb'"(?:_id|author|user|to)":"([0-9a-f]{24})"')


def webhook_body(event: WebhookEvent) -> bytes:
    """The JSON of an event."""
    return orjson.dumps({"type": event.type.value, "timestamp": iso(event.at), "data": event.data})


def ids_named(body: bytes) -> set[Id]:
    """The ids of the documents and the people in a body."""
    return {Id(id.decode()) for id in _ID.findall(body)}


def webhook_event_of_entry(entry: Entry, *, removed: Entry | None, room: Mapping[str, object] | None) -> WebhookEvent:
    """The event of an entry of TYPE_OF_KIND. ``removed`` is the message that a removal is about, and ``room`` the
    document of the room that was removed, as far as they are still there.
    """
    return WebhookEvent(
        type=TYPE_OF_KIND[entry.kind],
        source=entry.id,
        stream=entry.stream,
        at=entry.created_at,
        data=_data(entry, removed, room),
    )


def _data(entry: Entry, removed: Entry | None, room: Mapping[str, object] | None) -> Mapping[str, object]:
    match entry.kind:
        case Kind.MESSAGE:
            return message_document(entry)
        case Kind.RELEASE:
            assert entry.ref_message is not None
            # In the order of the room it is where it was let go.
            return {**message_document(entry.ref_message), "seq": entry.seq, "message_seq": entry.ref_message.seq}
        case Kind.DIRECT_MESSAGE:
            return sent_document(entry)
        case Kind.DIRECT_RELEASE:
            assert entry.ref_message is not None
            return sent_document(entry.ref_message)
        case Kind.GIFT:
            return {**sended_gift_document(entry), "user": entry.user, "room": entry.room}
        case Kind.REMOVE_ROOM:
            return {"_id": entry.stream, **(room or {}), "removed_by": entry.author}
    return _removal(entry, removed)


def _removal(entry: Entry, removed: Entry | None) -> Mapping[str, object]:
    """The message without its words, and who removed it: null for an operator."""
    data: dict[str, object] = {"_id": entry.message}
    if removed is not None:
        bare = removed.without_words(entry.created_at)
        data |= sent_document(bare) if bare.kind is Kind.DIRECT_MESSAGE else message_document(bare)
    elif entry.kind is Kind.MESSAGE_REMOVED:
        data |= {"room": entry.stream, "text": None, "ref_message": None}
    by = None if entry.author == OPERATOR or entry.kind is Kind.DIRECT_REMOVED else entry.author
    return {**data, "removed_at": iso(entry.created_at), "removed_by": by}


def balance_data(transfer: Transfer, balance: int | None) -> Mapping[str, object]:
    """A change of a balance, whose balance it is, and what it is now."""
    return {**transfer_document(transfer), "user": transfer.user, "balance": balance}
