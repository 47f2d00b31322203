"""``justchat-admin webhooks``: what waits for the app's own servers, and what is dead."""

from argparse import Namespace

from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome, short, table
from justchat.model.ids import as_id
from justchat.model.moment import iso
from justchat.protocol.operator_documents import webhook_document


async def list_webhooks(context: AdminContext, arguments: Namespace) -> Outcome:
    """List the webhooks of the daemon: what waits, since when, what is dead, and the last error."""
    statuses = await context.operating.list_webhooks()
    rows = [
        (
            each.id,
            each.server,
            str(each.pending),
            "" if each.oldest is None else iso(each.oldest),
            str(each.dead),
            str(each.delivered),
            str(each.lost),
            short(each.error or ""),
        )
        for each in statuses
    ]
    heads = ("ID", "SERVER", "PENDING", "OLDEST", "DEAD", "DELIVERED", "LOST", "LAST ERROR")
    return Outcome(table(heads, rows, "There are no webhooks."), {"webhooks": list(map(webhook_document, statuses))})


async def replay(context: AdminContext, arguments: Namespace) -> Outcome:
    """Send dead deliveries once more, behind all others. Each keeps its webhook-id."""
    number = await context.operating.replay_webhooks(None if arguments.id is None else as_id(arguments.id))
    return Outcome(f"{number} deliveries are sent once more.", {"replayed": number})
