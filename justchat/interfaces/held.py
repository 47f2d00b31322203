"""What actions ask of the store of held messages."""

from zope.interface import Interface

from justchat.model.entry import Entry
from justchat.model.held import Decision
from justchat.model.ids import Id


class IHeldMessages(Interface):
    """The messages that wait for an operator, and what operators have decided. Daemons carry the decisions out."""

    async def waiting(limit: int, *, skip: int = 0) -> list[Entry]:
        """Messages that wait, the oldest first, without the first ``skip``."""

    async def count(most: int) -> int:
        """How many messages wait, counted up to ``most``."""

    async def get(message: Id) -> Entry:
        """A message that waits. Raises MessageNotFound."""

    async def decide(message: Entry, decision: Decision) -> None:
        """Decide on a message that waits. Raises Conflict where that is done."""

    async def decided(limit: int) -> list[tuple[Entry, Decision]]:
        """Messages with a decision that is not carried out yet, the first decided first."""

    async def let_go(message: Entry) -> bool:
        """Let a message of a room wait no more. Returns whether it may be told to others: False where its author has
        removed it. From here on it is removed as any message.
        """

    async def finish(message: Entry) -> None:
        """The decision on a message is carried out."""
