"""What actions ask of the store of users' streams: direct messages, receipts, gifts and notices."""

from collections.abc import Awaitable, Callable

from zope.interface import Interface

from justchat.model.direct import Dialog, DirectMessage, Mailbox
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.moment import Moment


class IMailboxes(Interface):
    """The store of what is addressed to users: direct messages, receipts, gifts, notices."""

    async def append(user: Id, make: Callable[[int], Entry]) -> Entry:
        """Append an entry to a user's stream; ``make`` gets its seq. Returns the entry once it is durable.

        Raises AlreadyStored where the log has its id; Unavailable, and then nothing was appended.
        """

    def send(author: Id, to: Id, make: Callable[[int, int], Entry]) -> Awaitable[Entry]:
        """Append a direct message, in order after all messages between the two users.

        ``make`` gets its seq and its ``order``. Raises Blocked where one of the two blocks the other.
        """

    async def send_once(author: Id, to: Id, id: Id, make: Callable[[Id, int, int], Entry]) -> None:
        """``send`` under a derived id, unless it is there. ``make`` gets the entry's id, its seq and its ``order``.

        Raises as ``send``; Unavailable, and then the caller retries. It is for a message to many people: what it loads
        into memory for one of them goes first.
        """

    async def append_once(user: Id, id: Id, make: Callable[[Id, int], Entry], *, by: Id | None = None) -> Kind:
        """Append an entry with a derived id to a user's stream, unless it is there. ``make`` gets its id and seq.
        Returns the kind of the entry that is there now.

        The id differs from ``id`` where the entry with that id is void. Raises Unavailable; then the caller retries.
        With ``by``, the user whom the entry comes from, raises Blocked where one of the two blocks the other.
        """

    async def give(giver: Id, to: Id, id: Id, make: Callable[[Id, int], Entry]) -> bool:
        """Append a gift once, or that it was refused, since one of the two blocks the other. Returns whether it is
        given: for one ``id`` the answer is always the same, from any daemon.
        """

    async def mailbox(user: Id) -> Mailbox:
        """A user's mailbox with all that any daemon has appended by now."""

    async def blocks(user: Id, at_least: int = 0) -> list[Id]:
        """The users whom a user blocks, the latest first. What another daemon has just appended may be missing, as for
        ``head``.
        """

    async def change_blocks(user: Id, propose: Callable[[Mailbox, int], Entry | None]) -> None:
        """Append an entry about blocks to a user's stream, checked and made by ``propose`` from the mailbox at the head
        of the stream and the entry's seq, or nothing where it returns None. Raises what ``propose`` raises.
        """

    async def head(user: Id, at_least: int = 0) -> int:
        """The seq of the last entry of a user's stream: the contract's ``n``.

        What another daemon has just appended may be missing, for as long as the bus takes, but none of the first
        ``at_least``.
        """

    async def entries(user: Id, after: int, limit: int) -> list[Entry]:
        """At most ``limit`` entries with a seq greater than ``after``, in order, void entries included."""

    async def reconcile() -> None:
        """Update the dialogs that a crash left without their latest messages."""

    async def get(user: Id, message: Id) -> DirectMessage:
        """A message that the user sent or received and has not removed. Raises MessageNotFound."""

    async def find(message: Id) -> Entry:
        """A direct message, whoever may see it; without words if it was removed. Raises MessageNotFound."""

    async def messages(user: Id, *, author: Id | None, to: Id | None, offset: int, limit: int) -> list[DirectMessage]:
        """Messages to the user, of ``author`` alone if given, or those that the user sent to ``to``; newest first."""

    async def count_unread(user: Id, *, author: Id | None, to: Id | None) -> int:
        """The number of those messages that their receiver has not read."""

    async def dialog(user: Id, other: Id, *, skip: int, limit: int) -> list[DirectMessage]:
        """The messages between two users that ``user`` has not removed, newest first."""

    async def around(message: DirectMessage, number: int) -> list[DirectMessage]:
        """The ``number`` messages between the same two users before a message, and those after it, in order, also those
        that one of them has removed. None where the message has no ``order``.
        """

    async def dialogs(user: Id) -> list[Dialog]:
        """The user's dialogs, the latest first."""

    async def mark_as_read(message: DirectMessage, at: Moment) -> DirectMessage:
        """Mark a message as read at ``at``, unless it was read before. Returns it as stored.

        Raises MessageNotFound where it is gone meanwhile.
        """

    async def release(message: Entry, make: Callable[[Id, int], Entry]) -> None:
        """Show a held message to its receiver, unless its author has removed it. ``make`` makes the entry of the
        receiver's stream that tells them. Raises Blocked; Unavailable, and then the caller retries.
        """

    async def drop(message: Entry) -> bool:
        """Remove a held message for its author too, and erase its text. Returns False where it is let go already."""

    async def remove(user: Id, message: DirectMessage) -> None:
        """Remove a user's copy of a message."""

    async def remove_dialog(user: Id, other: Id) -> None:
        """Remove a user's copies of all messages with another user."""
