"""``justchat-admin complaints``: list, show and close complaints."""

from argparse import Namespace

from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome, record, short, table
from justchat.model.complaint import Complaint
from justchat.model.ids import as_id
from justchat.model.moment import iso, now
from justchat.model.user import User
from justchat.protocol.documents import complaint_document, room_document, user_document


async def list_complaints(context: AdminContext, arguments: Namespace) -> Outcome:
    """List the open complaints, the latest first."""
    found = await context.operating.list_complaints(closed_too=arguments.all, limit=arguments.limit)
    rows = [
        (
            complaint.id,
            iso(complaint.created_at),
            complaint.author,
            complaint.room or "(direct)",
            "open" if complaint.closed_at is None else f"closed {iso(complaint.closed_at)}",
            short(complaint.text),
        )
        for complaint in found
    ]
    text = table(("ID", "WHEN", "BY", "ROOM", "STATE", "TEXT"), rows, "There are no complaints.")
    if len(found) == arguments.limit:
        text += f"\n(the latest {arguments.limit}; there may be more: --limit)"
    return Outcome(text, {"complaints": list(map(_document, found))})


async def show_complaint(context: AdminContext, arguments: Namespace) -> Outcome:
    """Show a complaint: the message, its room, its author and the author of the complaint."""
    details = await context.operating.show_complaint(as_id(arguments.id))
    complaint, message, room = details.complaint, details.complaint.message, details.room
    where = "(direct message)" if complaint.room is None else f"{complaint.room} (removed)"
    text = record(
        ("complaint", complaint.id),
        ("when", iso(complaint.created_at)),
        ("by", _person(details.author)),
        ("text", complaint.text),
        ("closed", None if complaint.closed_at is None else iso(complaint.closed_at)),
        ("note", complaint.note),
        ("message", message.id),
        ("  when", iso(message.created_at)),
        ("  by", _person(details.message_author)),
        ("  text", message.text),
        ("room", where if room is None else f"{room.id} {room.name}"),
        ("  admin", None if room is None else room.admin),
        ("  people", None if room is None else len(room.users)),
    )
    return Outcome(
        text,
        {
            "complaint": _document(complaint),
            "room": None if room is None else room_document(room, now()),
            "author": user_document(details.author, details.author.id, show_phones=True),
            "message_author": user_document(details.message_author, details.message_author.id, show_phones=True),
        },
    )


async def close(context: AdminContext, arguments: Namespace) -> Outcome:
    """Close a complaint, with a note on what was done about it."""
    complaint = as_id(arguments.id)
    await context.operating.close_complaint(complaint, arguments.note)
    return Outcome(f"Complaint {complaint} is closed.", {"closed": complaint})


def _person(user: User) -> str:
    return " ".join(filter(None, (user.id, user.phone, user.nickname)))


def _document(complaint: Complaint) -> dict[str, object]:
    closed_at = complaint.closed_at
    return {
        **complaint_document(complaint),
        "closed_at": None if closed_at is None else iso(closed_at),
        "note": complaint.note,
    }
