"""Direct messages, as the store is given them."""

from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.store.mailboxes import Mailboxes


async def send(mailboxes: Mailboxes, author: Id, to: Id, text: str = "hello") -> Entry:
    """Send a message without a ``client_id``; returns its entry."""
    return await mailboxes.send(
        author,
        to,
        lambda seq, order: Entry(
            id=new_id(),
            stream=to,
            seq=seq,
            kind=Kind.DIRECT_MESSAGE,
            author=author,
            user=to,
            text=text,
            created_at=now(),
            order=order,
        ),
    )
