"""What actions ask of the store of removals."""

from collections.abc import Callable, Sequence

from zope.interface import Interface

from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.model.room import Room


class IRemovals(Interface):
    """The removals of messages. A removal is an entry of the room's log, which decides. The *words* of the message
    (its text, and the text that it quotes) are removed from the database next, wherever there are copies.
    """

    async def append(message: Entry, by: Id, at: Moment, check: Callable[[Room], None]) -> Entry:
        """Append the removal of a message; or return the first, where the message was removed before.

        ``check`` is called with the room at the head of its log, and raises where ``by`` may not remove the message.
        Raises RoomNotFound, MessageNotFound, Unavailable, and what ``check`` raises.
        """

    async def scrub(removals: Sequence[Entry]) -> None:
        """Remove the words of these messages. Raises DatabaseAway; then ``due`` finds them."""

    async def due(at: Moment, limit: int) -> list[Entry]:
        """Removals whose messages' words are to be looked for: after a crash, and once more some time after each."""

    async def messages_of(author: Id, room: Id, after: int) -> tuple[list[Entry], int | None]:
        """The entries with words of an author among the next entries of a room behind the seq ``after``; and the seq
        behind which the next ones are, None at the end.
        """

    async def ask(message: Id) -> None:
        """Let a daemon remove a message for an operator."""

    async def asked(limit: int) -> list[Id]:
        """Messages that daemons are asked to remove."""

    async def ask_room(room: Id) -> None:
        """Let a daemon remove a room for an operator."""

    async def asked_rooms(limit: int) -> list[Id]:
        """Rooms that daemons are asked to remove."""

    async def settle(asked: Id) -> None:
        """The message or room is removed, or does not exist."""
