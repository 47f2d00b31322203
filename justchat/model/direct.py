"""Direct messages. Each is an entry of the receiver's stream; each side can remove its own copy."""

from collections.abc import Mapping

from attrs import evolve, frozen

from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id
from justchat.model.moment import Moment
from justchat.model.record import record

BLOCKS_RESTATED = 50
"""After this many entries about blocks, the next states all blocks."""
NO_BLOCKS: Mapping[Id, Moment] = {}


@frozen(kw_only=True)
class Mailbox:
    """The state of a user's stream, which holds what is addressed to them: whom the user blocks."""

    id: Id
    blocks: Mapping[Id, Moment] = NO_BLOCKS
    """The users whom its owner blocks, and since when; the latest last."""
    is_blocked: bool = False
    """Whether anybody has ever blocked its owner. Only then a sender has to look whom they block themselves."""
    unstated: int = 0
    """The entries about blocks since the last one that states all of them."""

    def after(self, entry: Entry) -> "Mailbox":
        """The mailbox after an entry."""
        if entry.kind is Kind.DIRECT_MESSAGE or entry.kind not in ABOUT_BLOCKS:
            return self
        if entry.kind is Kind.BLOCKED:
            return evolve(self, is_blocked=True)
        if entry.blocks is not None:
            return evolve(self, blocks=entry.blocks, unstated=0)
        assert entry.user is not None, "nobody is blocked"
        blocks = {user: since for user, since in self.blocks.items() if user != entry.user}
        if entry.kind is Kind.BLOCK:
            blocks[entry.user] = entry.created_at
        return evolve(self, blocks=blocks, unstated=self.unstated + 1)

    def stating(self, entry: Entry) -> Entry:
        """An entry about blocks that comes next, stating all of them where that is due."""
        if self.unstated < BLOCKS_RESTATED:
            return entry
        return evolve(entry, blocks=self.after(entry).blocks)


ABOUT_BLOCKS = frozenset({Kind.BLOCK, Kind.UNBLOCK, Kind.BLOCKED})
"""Entries that change the state of a mailbox."""


@record(kw_only=True)
class DirectMessage:
    """A message from ``author`` to ``user``. ``read_at`` is None until the receiver marks it as read.

    ``order`` is its position among all direct messages; None for a message stored by an earlier release.
    """

    id: Id
    author: Id
    user: Id
    text: str | None
    """None where it was removed."""
    created_at: Moment
    read_at: Moment | None = None
    order: int | None = None
    is_held: bool = False
    """Whether its receiver may not see it, for now."""
    removed_at: Moment | None = None
    """When its text was removed, on both sides."""

    @classmethod
    def of(cls, entry: Entry, read_at: Moment | None = None) -> "DirectMessage":
        """The message in an entry, or in a copy of one."""
        assert entry.user is not None, "no direct message"
        return cls(
            id=entry.id,
            author=entry.author,
            user=entry.user,
            text=entry.text,
            created_at=entry.created_at,
            read_at=read_at,
            is_held=entry.is_hidden,
            removed_at=entry.removed_at,
        )


@frozen(kw_only=True)
class Dialog:
    """A summary of the messages between its owner and ``other``."""

    other: Id
    last_message: DirectMessage
    unread: int
