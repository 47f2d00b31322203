"""Direct messages: send, read, mark as read, and remove one's own copy."""

from contextlib import suppress

from attrs import frozen

from justchat.actions.before_message import ask_before
from justchat.actions.send_once import send_once
from justchat.actions.word_filter import WordFilter
from justchat.errors import Blocked, MessageNotFound
from justchat.interfaces.client_ids import IClientIds
from justchat.interfaces.hooks import IBeforeMessage
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.pictures import IPictureRecords
from justchat.interfaces.users import IUsers
from justchat.model.direct import Dialog, DirectMessage
from justchat.model.draft import Draft
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, derived_id
from justchat.model.moment import Clock
from justchat.model.pictures import FOLDER, pictures_in


@frozen(kw_only=True)
class DirectMessages:
    """What a user can do with direct messages."""

    users: IUsers
    mailboxes: IMailboxes
    client_ids: IClientIds
    pictures: IPictureRecords
    words: WordFilter
    clock: Clock
    before: IBeforeMessage | None = None
    """Is asked before a text is stored."""

    async def write(self, author: Id, to: Id, text: str, client_id: str | None) -> DirectMessage:
        """Send a message to a user. Returns the message once it is durable. Raises UserNotFound, Blocked, Rejected.

        With a ``client_id`` the message is stored once, however often it is sent within a day.
        """
        if FOLDER in text:
            await self.pictures.refer(pictures_in(text))
        entry = await send_once(
            to,
            author,
            client_id,
            self.client_ids,
            self.clock,
            lambda id: self._write(id, author, to, text, client_id),
            look_first=self.before is not None,
        )
        return DirectMessage.of(entry)

    async def _write(self, id: Id, author: Id, to: Id, text: str, client_id: str | None) -> Entry:
        await self.users.exists(to)
        if self.before is not None:
            # Nobody is asked about what may not be said. The entry decides again.
            if to in await self.mailboxes.blocks(author) or author in await self.mailboxes.blocks(to):
                raise Blocked
            draft = Draft(author=author, text=text, user=to, client_id=client_id)
            text = await ask_before(self.before, self.pictures, draft)
        judged = self.words.judge(text)
        judged.check()

        def make(seq: int, order: int) -> Entry:
            return Entry(
                id=id,
                stream=to,
                seq=seq,
                kind=Kind.DIRECT_MESSAGE,
                author=author,
                user=to,
                text=judged.text,
                held=judged.hold,
                created_at=self.clock(),
                order=order,
            )

        return await self.mailboxes.send(author, to, make)

    async def messages(
        self, user: Id, *, author: Id | None, to: Id | None, offset: int, limit: int
    ) -> list[DirectMessage]:
        """Messages to the user, of ``author`` alone if given, or those that the user sent to ``to``; the newest first.

        Raises UserNotFound.
        """
        await self._check_exists(author, to)
        return await self.mailboxes.messages(user, author=author, to=to, offset=offset, limit=limit)

    async def count_unread(self, user: Id, *, author: Id | None, to: Id | None) -> int:
        """The number of those messages that are unread. Raises UserNotFound."""
        await self._check_exists(author, to)
        return await self.mailboxes.count_unread(user, author=author, to=to)

    async def _check_exists(self, *users: Id | None) -> None:
        for user in users:
            if user is not None:
                await self.users.exists(user)

    async def dialogs(self, user: Id) -> list[Dialog]:
        """The user's dialogs, the latest first."""
        return await self.mailboxes.dialogs(user)

    async def dialog(self, user: Id, other: Id, *, skip: int, limit: int) -> list[DirectMessage]:
        """The messages between two users, the newest first. Raises UserNotFound."""
        await self.users.exists(other)
        return await self.mailboxes.dialog(user, other, skip=skip, limit=limit)

    async def mark_as_read(self, user: Id, message: Id) -> DirectMessage:
        """Mark a message as read by its receiver, and send its author one receipt, unless one blocks the other.

        Raises MessageNotFound for anybody but the receiver. The receipt is stored first, under a derived id: if a crash
        follows, a retry marks the message and stores no second receipt.
        """
        direct = await self.mailboxes.get(user, message)
        if direct.user != user:
            raise MessageNotFound
        if direct.read_at is not None:
            return direct
        at = self.clock()

        def make(id: Id, seq: int) -> Entry:
            return Entry(
                id=id,
                stream=direct.author,
                seq=seq,
                kind=Kind.READ,
                author=user,
                user=direct.author,
                created_at=at,
                ref_message=Entry(
                    id=direct.id,
                    stream=direct.user,
                    seq=0,
                    kind=Kind.READ,
                    author=direct.author,
                    user=direct.user,
                    text=direct.text,
                    created_at=direct.created_at,
                ),
            )

        with suppress(Blocked):
            await self.mailboxes.append_once(direct.author, derived_id("read", direct.id), make, by=user)
        return await self.mailboxes.mark_as_read(direct, at)

    async def remove(self, user: Id, message: Id) -> None:
        """Remove the user's copy of a message. Raises MessageNotFound."""
        await self.mailboxes.remove(user, await self.mailboxes.get(user, message))

    async def remove_dialog(self, user: Id, other: Id) -> None:
        """Remove the user's copies of all messages with another user. Raises UserNotFound."""
        await self.users.exists(other)
        await self.mailboxes.remove_dialog(user, other)
