"""``justchat-admin rooms``: list, show and remove rooms."""

from argparse import Namespace

from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome, note_more, record, short, table
from justchat.model.ids import as_id
from justchat.model.moment import iso, now
from justchat.model.room import RoomSearch
from justchat.protocol.documents import listed_room_document, message_document, room_document

ORDERS = {"created": ("created_at", -1), "users": ("users", -1), "name": ("name", 1)}
"""By the value of --sort, the field of the rooms, and whether it rises."""


async def list_rooms(context: AdminContext, arguments: Namespace) -> Outcome:
    """List the rooms, the latest first."""
    sort, direction = ORDERS[arguments.sort]
    wanted = RoomSearch(
        name=arguments.name, sort=sort, direction=direction, per_page=arguments.limit, first=arguments.skip
    )
    found = await context.overview.list_rooms(wanted)
    rows = [
        (
            room.id,
            short(room.name),
            f"{room.users_count}/{room.max_users}",
            room.admin,
            iso(room.created_at),
            "password" if room.is_private else "",
        )
        for room in found
    ]
    text = table(("ID", "NAME", "PEOPLE", "ADMIN", "SINCE", ""), rows, "There are no such rooms.")
    rooms = [listed_room_document(room, people=True) for room in found]
    return Outcome(text + note_more(len(found), arguments), {"rooms": rooms})


async def show_room(context: AdminContext, arguments: Namespace) -> Outcome:
    """Show a room, who is inside, and its latest messages."""
    room, messages = await context.overview.show_room(as_id(arguments.id), arguments.messages)
    parts = [
        record(
            ("room", room.id),
            ("name", room.name),
            ("since", iso(room.created_at)),
            ("admin", room.admin),
            ("moderators", " ".join(room.moderators)),
            ("people", f"{len(room.users)} of at most {room.max_users}"),
            ("inside", " ".join(list(room.users)[:100])),
            ("silenced", " ".join(room.silenced_until)),
            ("banned", " ".join(list(room.banned)[:100])),
            ("password", "yes" if room.password else "no"),
            ("slow mode", f"{room.slow_mode} s" if room.slow_mode else None),
        ),
        table(
            ("MESSAGE", "WHEN", "BY", "TEXT"),
            [(each.id, iso(each.created_at), each.author, short(each.text, 80)) for each in messages],
            "There are no messages.",
        ),
    ]
    return Outcome(
        "\n\n".join(parts),
        {
            "room": room_document(room, now()),
            "messages": list(map(message_document, messages)),
        },
    )


async def remove_room(context: AdminContext, arguments: Namespace) -> Outcome:
    """Remove a room with its history, and put everybody out of it. A running daemon does so within seconds, else the
    next one that starts.
    """
    room = await context.operating.remove_room(as_id(arguments.id), arguments.reason)
    text = f"Room {room.id} with {len(room.users)} people will be removed by a daemon."
    return Outcome(text, {"removing": room.id})
