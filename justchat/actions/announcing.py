"""Announcements: requested once, and told by one daemon at a time, in steps."""

from attrs import frozen

from justchat.actions.concurrently import all_of
from justchat.actions.word_filter import WordFilter
from justchat.errors import Blocked, TooManyAnnouncements, UserNotFound
from justchat.interfaces.announcements import IAnnouncements
from justchat.interfaces.audit import RecordDeed
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.pictures import IPictureRecords
from justchat.interfaces.users import IUsers
from justchat.model.announcement import Announcement, Progress
from justchat.model.audit import Deed
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, derived_id, new_id
from justchat.model.moment import Clock
from justchat.model.pictures import pictures_in
from justchat.model.user import User

OWN_AUTHOR = "justchat:announcements"
"""The external_id of the user of our own who announces."""
MOST_RUNNING = 20
"""Announcements that run or wait. One is told after the other."""


@frozen(kw_only=True)
class Announcing:
    """Tells everybody something by a direct message.

    Those who block the author, or whom the author blocks, are left out. The author keeps no copies.
    """

    users: IUsers
    mailboxes: IMailboxes
    announcements: IAnnouncements
    pictures: IPictureRecords
    words: WordFilter
    clock: Clock

    async def request(self, id: Id, author: Id, text: str, record: RecordDeed) -> Announcement:
        """Let the daemons tell everybody; once for each ``id``. Returns how far it is.

        Raises UserNotFound for the author, Rejected, TooManyAnnouncements.
        """
        known = await self.announcements.find(id)
        if known is not None:
            return known
        await self.users.exists(author)
        text = self.words.checked(text)
        if await self.announcements.count_running(MOST_RUNNING) >= MOST_RUNNING:
            raise TooManyAnnouncements
        await self.pictures.refer(pictures_in(text))
        await record(Deed.ANNOUNCE, id, f"from {author}", line=derived_id("audit", "announce", id))
        return await self.announcements.add(Announcement(id=id, author=author, text=text, created_at=self.clock()))

    async def own_author(self) -> Id:
        """A user of our own, who is made at first use: the author where an operator names none."""
        found = await self.users.find_id(external_id=OWN_AUTHOR, leaving_too=True)
        if found is not None:
            return found
        made = User(
            id=new_id(),
            phone=None,
            password="",
            created_at=self.clock(),
            external_id=OWN_AUTHOR,
            nickname="Announcements",
        )
        # Where another command makes one at the same time, the unique index keeps the first.
        return made.id if await self.users.add(made) else await self.own_author()

    async def tell_some(self, announcement: Announcement, most: int) -> bool:
        """Tell at most so many of the next people. Returns whether any were left.

        Each step may be done again, also by two daemons at once: the entries' ids are derived, so each person is told
        once. Raises Unavailable; then the same people are next.
        """
        try:
            await self.users.exists(announcement.author)
        except UserNotFound:  # they are being deleted, with what they wrote
            await self.announcements.end(announcement.id, Progress.STOPPED, self.clock())
            return False
        people = await self.announcements.next_receivers(announcement, most)
        if not people:
            await self.announcements.end(announcement.id, Progress.DONE, self.clock())
            return False
        told = await all_of(self._tell(announcement, person) for person in people)
        await self.announcements.advance(announcement, people[-1], sum(told), len(told) - sum(told))
        return True

    async def _tell(self, announcement: Announcement, person: Id) -> bool:
        """Whether the person has the message."""

        def make(id: Id, seq: int, order: int) -> Entry:
            return Entry(
                id=id,
                stream=person,
                seq=seq,
                kind=Kind.DIRECT_MESSAGE,
                author=announcement.author,
                user=person,
                text=announcement.text,
                created_at=self.clock(),
                order=order,
                is_announcement=True,
            )

        try:
            await self.mailboxes.send_once(
                announcement.author, person, derived_id("announcement", announcement.id, person), make
            )
        except Blocked:
            return False
        return True
