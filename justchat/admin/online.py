"""``justchat-admin online``: who is connected."""

from argparse import Namespace

from justchat.actions.overview import count_users
from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome, table
from justchat.model.moment import iso

SHOWN = 1000
"""Users that are named."""


async def online(context: AdminContext, arguments: Namespace) -> Outcome:
    """Show who is connected: how many sockets and users each process has, and up to 200 of its users. The numbers are a
    few seconds old.
    """
    processes = await context.overview.everywhere()
    named = list(dict.fromkeys(user for each in processes for user in each.some))
    users = count_users(processes)
    sockets = sum(each.sockets for each in processes)
    people = await context.overview.users_of(named[:SHOWN])
    text = "\n\n".join(
        (
            f"{users} users are connected, by {sockets} sockets.",
            table(
                ("HOST", "PROCESS", "SINCE", "SOCKETS", "USERS"),
                [(each.host, each.pid, iso(each.started_at), each.sockets, each.users) for each in processes],
                "No daemon runs, or one began just now.",
            ),
            table(("USER", "PHONE", "NICKNAME"), [(user.id, user.phone, user.nickname) for user in people], ""),
        )
    ).rstrip()
    return Outcome(
        text,
        {
            "users": users,
            "sockets": sockets,
            "processes": [
                {
                    "host": each.host,
                    "pid": each.pid,
                    "since": iso(each.started_at),
                    "sockets": each.sockets,
                    "users": each.users,
                }
                for each in processes
            ],
            "some": [{"_id": user.id, "phone": user.phone, "nickname": user.nickname} for user in people],
        },
    )
