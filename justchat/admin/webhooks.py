"""``justchat-admin webhooks``: what waits for the app's own servers, and what is dead."""

from argparse import Namespace

from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome, short, table
from justchat.errors import NotFound
from justchat.model.audit import Deed
from justchat.model.ids import Id, as_id
from justchat.model.moment import iso
from justchat.model.webhook import WebhookStatus


async def list_webhooks(context: AdminContext, arguments: Namespace) -> Outcome:
    """List the webhooks of the daemon: what waits, since when, what is dead, and the last error."""
    statuses = await context.deliveries.statuses()
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
    return Outcome(table(heads, rows, "There are no webhooks."), {"webhooks": list(map(_document, statuses))})


async def replay(context: AdminContext, arguments: Namespace) -> Outcome:
    """Send dead deliveries once more, behind all others. Each keeps its webhook-id."""
    known = [status.id for status in await context.deliveries.statuses()]
    wanted: Id | None = None if arguments.id is None else as_id(arguments.id)
    if wanted is not None and wanted not in known:
        raise NotFound("no webhook has this id")
    await context.operating.record(Deed.REPLAY_WEBHOOKS, wanted)
    number = sum([await context.deliveries.replay(each) for each in known if wanted in (None, each)])
    return Outcome(f"{number} deliveries are sent once more.", {"replayed": number})


def _document(status: WebhookStatus) -> dict[str, object]:
    return {
        "_id": status.id,
        "server": status.server,
        "events": list(status.events),
        "pending": status.pending,
        "oldest": None if status.oldest is None else iso(status.oldest),
        "dead": status.dead,
        "delivered": status.delivered,
        "lost": status.lost,
        "error": status.error,
        "error_at": None if status.error_at is None else iso(status.error_at),
    }
