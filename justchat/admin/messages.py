"""``justchat-admin messages``: remove a message."""

from argparse import Namespace

from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome
from justchat.model.ids import as_id


async def remove(context: AdminContext, arguments: Namespace) -> Outcome:
    """Remove the text of a room's message, or a direct message on both sides. A running daemon does so within seconds,
    else the next one that starts.
    """
    message = as_id(arguments.id)
    await context.operating.remove_message(message, arguments.reason)
    return Outcome(f"Message {message} will be removed by a daemon.", {"removing": message})
