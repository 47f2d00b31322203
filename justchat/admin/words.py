"""``justchat-admin words``: messages that were held because of their words."""

from argparse import Namespace

from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome, note_more, short, table
from justchat.model.entry import Entry, Kind
from justchat.model.held import Decision
from justchat.model.ids import as_id
from justchat.model.moment import iso
from justchat.protocol.documents import message_document, sent_document


async def held(context: AdminContext, arguments: Namespace) -> Outcome:
    """List the messages that wait for a decision, the oldest first."""
    found = await context.operating.list_held(arguments.limit, skip=arguments.skip)
    rows = [(each.id, iso(each.created_at), each.author, _where(each), short(each.text or "")) for each in found]
    text = table(("ID", "WHEN", "BY", "WHERE", "TEXT"), rows, "No message is held.")
    return Outcome(text + note_more(len(found), arguments), {"held": [_document(each) for each in found]})


async def release(context: AdminContext, arguments: Namespace) -> Outcome:
    """Let a held message go: everybody sees it, and is told it now."""
    return await _decide(context, arguments, Decision.RELEASE, "is released")


async def drop(context: AdminContext, arguments: Namespace) -> Outcome:
    """Drop a held message. Its text is erased."""
    return await _decide(context, arguments, Decision.DROP, "is dropped")


async def _decide(context: AdminContext, arguments: Namespace, decision: Decision, said: str) -> Outcome:
    message = await context.operating.decide(as_id(arguments.id), decision)
    text = f"Message {message.id} {said}; a running daemon does so within a second, or the next to start."
    return Outcome(text, {"message": _document(message)})


def _where(message: Entry) -> str:
    return f"to {message.user}" if message.kind is Kind.DIRECT_MESSAGE else f"room {message.stream}"


def _document(message: Entry) -> object:
    return sent_document(message) if message.kind is Kind.DIRECT_MESSAGE else message_document(message)
