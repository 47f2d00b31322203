"""``justchat-admin announce`` and ``announcements``: tell everybody something, and see how far that is."""

from argparse import Namespace

from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome, note_more, short, table
from justchat.model.ids import as_id
from justchat.protocol.announcements import announcement_document


async def announce(context: AdminContext, arguments: Namespace) -> Outcome:
    """Send a direct message to everybody who has an account by now. A running daemon does so, or the next that starts,
    so many people a second as its settings say.
    """
    if arguments.author is None:
        author = await context.operating.announcing.own_author()
    else:
        author = await context.operating.find(arguments.author)
    announcement = await context.operating.announce(author, arguments.text)
    text = f"Announcement {announcement.id} will be sent to about {announcement.people} people by a daemon."
    return Outcome(text, {"announcement": announcement_document(announcement)})


async def list_announcements(context: AdminContext, arguments: Namespace) -> Outcome:
    """List announcements, the latest first, and how many people were told."""
    found = list(
        map(announcement_document, await context.operating.list_announcements(arguments.limit, skip=arguments.skip))
    )
    text = table(
        ("ANNOUNCEMENT", "WHEN", "FROM", "STATUS", "TOLD", "OF ABOUT", "SKIPPED", "TEXT"),
        [
            (
                each["_id"],
                each["create_at"],
                each["author"],
                each["status"],
                each["told"],
                each["people"],
                each["skipped"],
                short(each["text"]),
            )
            for each in found
        ],
        "There are no announcements.",
    )
    return Outcome(text + note_more(len(found), arguments), {"announcements": found})


async def stop(context: AdminContext, arguments: Namespace) -> Outcome:
    """Stop an announcement: nobody else is told. Who was told keeps the message."""
    announcement = await context.operating.stop_announcement(as_id(arguments.id))
    text = f"Announcement {announcement.id} is stopped; {announcement.told} people were told."
    return Outcome(text, {"announcement": announcement_document(announcement)})
