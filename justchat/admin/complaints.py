"""``justchat-admin complaints``: list, show and close complaints."""

from argparse import Namespace
from collections.abc import Sequence

from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome, note_more, record, short, table
from justchat.model.complaint import Complaint
from justchat.model.direct import DirectMessage
from justchat.model.entry import Entry
from justchat.model.ids import Id, as_id
from justchat.model.moment import iso, now
from justchat.model.user import User
from justchat.protocol.documents import (
    direct_document,
    message_document,
    room_document,
)
from justchat.protocol.operator_documents import (
    server_complaint_document,
    whole_user_document,
)


async def list_complaints(context: AdminContext, arguments: Namespace) -> Outcome:
    """List the open complaints, the latest first."""
    found = await context.operating.list_complaints(
        arguments.limit, closed=None if arguments.all else False, skip=arguments.skip
    )
    text = _table(found) + note_more(len(found), arguments)
    return Outcome(text, {"complaints": list(map(server_complaint_document, found))})


async def show_complaint(context: AdminContext, arguments: Namespace) -> Outcome:
    """Show a complaint: the people, the message with the five before and after it, its room, and the earlier complaints
    about the same user and by the same author.
    """
    details = await context.operating.show_complaint(as_id(arguments.id))
    complaint, message, room = details.complaint, details.complaint.message, details.room
    where = None if complaint.room is None else f"{complaint.room} (removed)"
    direct = "(direct message)" if message is not None and complaint.room is None else where
    parts = [
        record(
            ("complaint", complaint.id),
            ("when", iso(complaint.created_at)),
            ("by", _person(details.author, complaint.author)),
            ("reason", complaint.reason.value),
            ("text", complaint.text),
            ("closed", None if complaint.closed_at is None else iso(complaint.closed_at)),
            ("note", complaint.note),
            ("about", None if complaint.user is None else _person(details.user, complaint.user)),
            *(() if message is None else _message_lines(message)),
            ("room", direct if room is None else f"{room.id} {room.name}"),
            ("  admin", None if room is None else room.admin),
            ("  people", None if room is None else len(room.users)),
        )
    ]
    if message is not None:
        said = sorted([message, *details.around], key=lambda each: each.created_at)
        rows = [(">" if each is message else "", iso(each.created_at), each.author, short(each.text)) for each in said]
        parts.append(table(("", "WHEN", "BY", "TEXT"), rows, ""))
    for title, complaints in (("Earlier, about the same user:", details.earlier), ("By the same:", details.others)):
        if complaints:
            parts.append(f"{title}\n{_table(complaints)}")
    return Outcome(
        "\n\n".join(parts),
        {
            "complaint": server_complaint_document(complaint),
            "room": None if room is None else room_document(room, now()),
            "author": _whole_user(details.author),
            "user": _whole_user(details.user),
            "around": [_whole_message(each) for each in details.around],
            "earlier": list(map(server_complaint_document, details.earlier)),
            "others": list(map(server_complaint_document, details.others)),
        },
    )


def _message_lines(message: Entry | DirectMessage) -> tuple[tuple[str, object], ...]:
    return (
        ("message", message.id),
        ("  when", iso(message.created_at)),
        ("  by", message.author),
        ("  text", message.text),
    )


def _table(complaints: Sequence[Complaint]) -> str:
    rows = [
        (
            complaint.id,
            iso(complaint.created_at),
            complaint.author,
            complaint.about.partition(":")[0],
            complaint.user,
            complaint.room,
            complaint.reason.value,
            "open" if complaint.closed_at is None else f"closed {iso(complaint.closed_at)}",
            short(complaint.text),
        )
        for complaint in complaints
    ]
    titles = ("ID", "WHEN", "BY", "ABOUT", "USER", "ROOM", "REASON", "STATE", "TEXT")
    return table(titles, rows, "There are no complaints.")


async def close(context: AdminContext, arguments: Namespace) -> Outcome:
    """Close a complaint, with a note on what was done about it."""
    complaint = as_id(arguments.id)
    await context.operating.close_complaint(complaint, arguments.note)
    return Outcome(f"Complaint {complaint} is closed.", {"closed": complaint})


def _whole_user(user: User | None) -> object:
    return None if user is None else whole_user_document(user)


def _person(user: User | None, id: Id) -> str:
    if user is None:
        return f"{id} (deleted)"
    return " ".join(filter(None, (user.id, user.phone, user.nickname)))


def _whole_message(message: Entry | DirectMessage) -> object:
    return message_document(message) if isinstance(message, Entry) else direct_document(message)
