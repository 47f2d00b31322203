"""``justchat-admin audit``: list what operators and app's servers did."""

from argparse import Namespace

from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome, note_more, short, table
from justchat.model.audit import Actor
from justchat.model.moment import iso
from justchat.protocol.operator_documents import audit_document


async def list_deeds(context: AdminContext, arguments: Namespace) -> Outcome:
    """List what operators and app's servers did, the latest first."""
    whom = None if arguments.whom is None else await context.operating.find_any(arguments.whom)
    lines = await context.operating.list_deeds(arguments.limit, whom, skip=arguments.skip)
    rows = [
        (iso(line.at), _who(line.who), line.deed.value, line.whom, short(line.why), line.who.address) for line in lines
    ]
    text = table(("WHEN", "WHO", "DEED", "WHOM", "WHY", "FROM"), rows, "Nobody has done anything yet.")
    return Outcome(text + note_more(len(lines), arguments), {"audit": list(map(audit_document, lines))})


def _who(actor: Actor) -> str:
    return f"{actor.kind.value} {actor.name}"
