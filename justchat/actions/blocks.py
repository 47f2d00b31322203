"""Blocks: a user blocks another, and nothing passes between the two any more."""

from attrs import frozen

from justchat.errors import BadField, InvalidFields, TooManyBlocks
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.users import IUsers
from justchat.model.direct import Mailbox
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, derived_id, new_id
from justchat.model.moment import Clock, Moment


@frozen(kw_only=True)
class Blocks:
    """What a user can do about users whom they do not want to hear of.

    A block is an entry of the blocker's own stream, in which the messages to the blocker are, so the log orders both.
    """

    users: IUsers
    mailboxes: IMailboxes
    clock: Clock
    most: int

    async def block(self, user: Id, whom: Id) -> None:
        """Block a user; to block them again changes nothing. Raises UserNotFound, TooManyBlocks, and InvalidFields for
        oneself.
        """
        if whom == user:
            raise InvalidFields((BadField("user", "nobody blocks themselves"),))
        await self.users.exists(whom)

        def propose(mailbox: Mailbox, seq: int) -> Entry | None:
            if whom in mailbox.blocks:
                return None
            self._check_room_for_more(mailbox)
            return self._entry(Kind.BLOCK, user, whom, seq)

        mailbox = await self.mailboxes.mailbox(user)
        if whom not in mailbox.blocks:
            self._check_room_for_more(mailbox)
            # First: from here on, the user who blocks is asked before they write to whom they block.
            await self._tell_blocked(whom)
            await self.mailboxes.change_blocks(user, propose)

    def _check_room_for_more(self, mailbox: Mailbox) -> None:
        if len(mailbox.blocks) >= self.most:
            raise TooManyBlocks

    async def _tell_blocked(self, whom: Id) -> None:
        """Note in a user's stream that somebody blocks them. It does not say who, and nobody is sent it."""
        if not (await self.mailboxes.mailbox(whom)).is_blocked:

            def make(id: Id, seq: int) -> Entry:
                return Entry(id=id, stream=whom, seq=seq, kind=Kind.BLOCKED, author=whom, created_at=self.clock())

            await self.mailboxes.append_once(whom, derived_id("blocked", whom), make)

    async def unblock(self, user: Id, whom: Id) -> None:
        """End a block, if there is one. Raises UserNotFound."""
        await self.users.exists(whom)

        def propose(mailbox: Mailbox, seq: int) -> Entry | None:
            return self._entry(Kind.UNBLOCK, user, whom, seq) if whom in mailbox.blocks else None

        await self.mailboxes.change_blocks(user, propose)

    def _entry(self, kind: Kind, user: Id, whom: Id, seq: int) -> Entry:
        return Entry(id=new_id(), stream=user, seq=seq, kind=kind, author=user, user=whom, created_at=self.clock())

    async def of(self, user: Id, skip: int, limit: int) -> list[tuple[Id, Moment]]:
        """The users whom a user blocks, and since when; the latest first."""
        blocks = (await self.mailboxes.mailbox(user)).blocks
        return [*blocks.items()][::-1][skip : skip + limit]
