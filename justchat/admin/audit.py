"""``justchat-admin audit``: list what operators and app's servers did."""

from argparse import Namespace

from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome, note_more, short, table
from justchat.model.audit import Actor, AuditLine
from justchat.model.moment import iso


async def list_deeds(context: AdminContext, arguments: Namespace) -> Outcome:
    """List what operators and app's servers did, the latest first."""
    whom = None if arguments.whom is None else await context.operating.find_any(arguments.whom)
    lines = await context.operating.list_deeds(arguments.limit, whom, skip=arguments.skip)
    rows = [
        (iso(line.at), _who(line.who), line.deed.value, line.whom, short(line.why), line.who.address) for line in lines
    ]
    text = table(("WHEN", "WHO", "DEED", "WHOM", "WHY", "FROM"), rows, "Nobody has done anything yet.")
    return Outcome(text + note_more(len(lines), arguments), {"audit": list(map(_document, lines))})


def _who(actor: Actor) -> str:
    return f"{actor.kind.value} {actor.name}"


def _document(line: AuditLine) -> dict[str, object]:
    return {
        "_id": line.id,
        "who": line.who.name,
        "kind": line.who.kind.value,
        "when": iso(line.at),
        "deed": line.deed.value,
        "whom": line.whom,
        "from": line.who.address,
        "why": line.why,
    }
