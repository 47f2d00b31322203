"""What actions ask of the store of direct messages, receipts and gifts received."""

from collections.abc import Callable

from zope.interface import Interface

from justchat.model.direct import Dialog, DirectMessage
from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.moment import Moment


class IMailboxes(Interface):
    """What is addressed to users: direct messages, receipts, gifts."""

    async def append(user: Id, make: Callable[[int], Entry]) -> Entry:
        """Put an entry, made with the seq it is given, into a user's stream; returns once it is durable.

        Raises AlreadyStored where its id is in the log, or Unavailable, and then it has not happened.
        """

    async def send(author: Id, to: Id, make: Callable[[int, int], Entry]) -> Entry:
        """Append a direct message: it comes after all that has passed between the two."""

    async def append_once(user: Id, id: Id, make: Callable[[Id, int], Entry]) -> None:
        """Put what there can be but once into a user's stream, unless it is there; ``make`` is given id and seq.

        The id is another than was asked for where an entry of that became void. Raises Unavailable: then it is to be
        tried again.
        """

    async def head(user: Id) -> int:
        """The seq of the last entry addressed to the user: the contract's ``n``."""

    async def entries(user: Id, after: int, limit: int) -> list[Entry]:
        """At most ``limit`` entries with a seq greater than ``after``, in order, void ones too."""

    async def sent(author: Id, entry: Id) -> Entry | None:
        """An author's entry, to whomever."""

    async def reconcile() -> None:
        """Let dialogs know of messages that a crash kept from them."""

    async def get(user: Id, message: Id) -> DirectMessage:
        """A message that the user wrote or received and has not removed, or MessageNotFound."""

    async def messages(user: Id, *, author: Id | None, to: Id | None, offset: int, limit: int) -> list[DirectMessage]:
        """Newest first: those sent to the user, only by ``author``, or those the user sent to ``to``."""

    async def count_unread(user: Id, *, author: Id | None, to: Id | None) -> int:
        """How many of those are unread by their receiver."""

    async def dialog(user: Id, other: Id, *, skip: int, limit: int) -> list[DirectMessage]:
        """What passed between the two and the user has not removed, newest first."""

    async def dialogs(user: Id) -> list[Dialog]:
        """The user's dialogs, the latest first."""

    async def mark_as_read(message: DirectMessage, at: Moment) -> DirectMessage:
        """The message as it is now, read since ``at`` or before."""

    async def remove(user: Id, message: DirectMessage) -> None:
        """Remove the user's copy of a message."""

    async def remove_dialog(user: Id, other: Id) -> None:
        """Remove the user's copy of all that passed between the two."""
