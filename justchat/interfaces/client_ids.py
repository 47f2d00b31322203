"""What actions ask of the store of messages that were sent with a client_id."""

from zope.interface import Interface

from justchat.model.entry import Entry
from justchat.model.ids import Id


class IClientIds(Interface):
    """The messages that authors sent with a client_id, to rooms or to users.

    ``use`` counts how often the author used the client_id anew.
    """

    def message_id(stream: Id, author: Id, client_id: str, use: int) -> Id:
        """The id that the message has in the log: equal arguments give equal ids."""

    async def check_unused(stream: Id, author: Id, client_id: str, use: int) -> None:
        """Raises AlreadyStored where the message may have been sent under an id that ``message_id`` gives no longer.

        Before a database is sharded ids have another form. Nothing is asked otherwise: the log refuses the id then.
        """

    async def find(stream: Id, author: Id, client_id: str, use: int) -> Entry | None:
        """The message, or None."""

    async def confirm(message: Entry) -> bool:
        """Keep a message from being taken back by a daemon that answered 503 for it. False where that has happened."""
