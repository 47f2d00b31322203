"""Direct messages: writing to somebody, reading, receipts, and removing one's own copy."""

from attrs import frozen

from justchat.actions.send_once import send_once
from justchat.errors import MessageNotFound
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.pictures import IPictureRecords
from justchat.interfaces.users import IUsers
from justchat.model.direct import Dialog, DirectMessage
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, derived_id, resent_direct_id
from justchat.model.moment import Clock
from justchat.model.pictures import FOLDER, pictures_in


@frozen(kw_only=True)
class DirectMessages:
    """What one can do with direct messages."""

    users: IUsers
    mailboxes: IMailboxes
    pictures: IPictureRecords
    clock: Clock

    async def write(self, author: Id, to: Id, text: str, client_id: str | None) -> DirectMessage:
        """Write to somebody; returns the message once it is durable. Raises UserNotFound.

        With a ``client_id`` the same thing is written once, however often it is sent within a day.
        """
        if FOLDER in text:
            await self.pictures.refer(pictures_in(text))
        entry = await send_once(
            author,
            client_id,
            resent_direct_id,
            self.clock,
            lambda id: self._write(id, author, to, text),
            self.mailboxes.sent,
        )
        return _message(entry)

    async def _write(self, id: Id, author: Id, to: Id, text: str) -> Entry:
        await self.users.exists(to)

        def make(seq: int, order: int) -> Entry:
            return Entry(
                id=id,
                stream=to,
                seq=seq,
                kind=Kind.DIRECT_MESSAGE,
                author=author,
                user=to,
                text=text,
                created_at=self.clock(),
                order=order,
            )

        return await self.mailboxes.send(author, to, make)

    async def messages(
        self, user: Id, *, author: Id | None, to: Id | None, offset: int, limit: int
    ) -> list[DirectMessage]:
        """Newest first: those sent to the user, only by ``author``, or those the user sent to ``to``.

        Raises UserNotFound.
        """
        await self._known(author, to)
        return await self.mailboxes.messages(user, author=author, to=to, offset=offset, limit=limit)

    async def count_unread(self, user: Id, *, author: Id | None, to: Id | None) -> int:
        """How many of those are unread. Raises UserNotFound."""
        await self._known(author, to)
        return await self.mailboxes.count_unread(user, author=author, to=to)

    async def _known(self, *users: Id | None) -> None:
        for user in users:
            if user is not None:
                await self.users.exists(user)

    async def dialogs(self, user: Id) -> list[Dialog]:
        """One's dialogs, the latest first."""
        return await self.mailboxes.dialogs(user)

    async def dialog(self, user: Id, other: Id, *, skip: int, limit: int) -> list[DirectMessage]:
        """What passed between the two, newest first. Raises UserNotFound."""
        await self.users.exists(other)
        return await self.mailboxes.dialog(user, other, skip=skip, limit=limit)

    async def mark_as_read(self, user: Id, message: Id) -> DirectMessage:
        """The receiver has read a message; its author is told, once. Raises MessageNotFound for anybody else.

        The receipt is stored first, under an id of its own that only one can have: after a crash in between, the
        same call again marks the message and tells nobody twice.
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

        await self.mailboxes.append_once(direct.author, derived_id("read", direct.id), make)
        return await self.mailboxes.mark_as_read(direct, at)

    async def remove(self, user: Id, message: Id) -> None:
        """Remove one's own copy of a message. Raises MessageNotFound."""
        await self.mailboxes.remove(user, await self.mailboxes.get(user, message))

    async def remove_dialog(self, user: Id, other: Id) -> None:
        """Remove one's own copy of all that passed between the two. Raises UserNotFound."""
        await self.users.exists(other)
        await self.mailboxes.remove_dialog(user, other)


def _message(entry: Entry) -> DirectMessage:
    assert entry.user is not None and entry.text is not None
    return DirectMessage(
        id=entry.id, author=entry.author, user=entry.user, text=entry.text, created_at=entry.created_at
    )
