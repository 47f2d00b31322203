"""Announcements: each person is told once, whoever tells them, and whatever dies meanwhile."""

from typing import Any

from twisted.application.service import Service
from twisted.internet import reactor

from justchat.actions.announcing import Announcing
from justchat.actions.word_filter import WordFilter
from justchat.model.announcement import Announcement, Progress
from justchat.model.entry import Entry, Kind
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.service import announcing
from justchat.service.announcing import AnnouncementService
from justchat.store import lease
from justchat.store.lease import Lease
from tests.support.direct import send
from tests.support.joined import JoinedCase, JoinedDaemon
from tests.support.waiting import eventually


async def not_recorded(*_: object, line: Id | None = None) -> None:
    """No audit log."""


class AnnouncementCase(JoinedCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.patch(announcing, "LOOK_EVERY", 0.1)
        self.services: list[AnnouncementService] = []
        self.author, *self.people_told = await self.people(13)

    async def tearDown(self) -> None:
        for service in self.services:
            await service.stopService()
        await super().tearDown()

    def actions(self, daemon: JoinedDaemon) -> Announcing:
        stores = daemon.stores
        return Announcing(
            users=stores.users,
            mailboxes=stores.mailboxes,
            announcements=stores.announcements,
            pictures=stores.pictures,
            words=WordFilter(),
            clock=now,
        )

    def a_service(self, daemon: JoinedDaemon, per_second: int = 1000, lease: Lease | None = None) -> Any:
        service = AnnouncementService(self.actions(daemon), per_second, lease, reactor)
        self.services.append(service)
        service.startService()
        return service

    async def announce(self) -> Announcement:
        return await self.actions(self.one).request(new_id(), self.author, "hello everybody", not_recorded)

    async def told(self, announcement: Announcement) -> int:
        return (await self.one.stores.announcements.get(announcement.id)).told

    async def ended(self, announcement: Announcement) -> Announcement:
        async def end() -> Announcement | None:
            found = await self.other.stores.announcements.get(announcement.id)
            return None if found.progress is Progress.RUNNING else found

        return await eventually(end, "the end of the announcement")

    async def texts(self, user: Id) -> list[str]:
        messages = await self.one.stores.mailboxes.messages(user, author=None, to=None, offset=0, limit=100)
        return [message.text for message in messages]

    async def assert_each_once(self) -> None:
        for user in self.people_told:
            self.assertEqual(["hello everybody"], await self.texts(user))
            dialogs = await self.other.stores.mailboxes.dialogs(user)
            self.assertEqual([(self.author, 1)], [(each.other, each.unread) for each in dialogs])
        self.assertEqual([], await self.texts(self.author))
        self.assertEqual([], await self.one.stores.mailboxes.dialogs(self.author))


class Announcements(AnnouncementCase):
    async def test_both_at_once(self) -> None:
        """Two daemons at work, since one was suspended for longer than its lease, tell each person once."""
        for daemon in (self.one, self.other):
            self.a_service(daemon, 20)

        announcement = await self.ended(await self.announce())

        self.assertEqual((Progress.DONE, 12, 0, 13), self.outcome(announcement))
        await self.assert_each_once()

    def outcome(self, announcement: Announcement) -> tuple[Progress, int, int, int]:
        return announcement.progress, announcement.told, announcement.skipped, announcement.people

    async def test_again(self) -> None:
        """A step whose end a crash kept from being noted is done again, and nobody hears anything twice."""
        announcement, actions = await self.announce(), self.actions(self.one)
        advance = actions.announcements.advance
        self.patch(actions.announcements, "advance", self.crash)
        for _ in range(2):
            with self.assertRaises(RuntimeError):
                await actions.tell_some(announcement, 5)
        self.patch(actions.announcements, "advance", advance)

        self.a_service(self.other)

        self.assertEqual((Progress.DONE, 12, 0, 13), self.outcome(await self.ended(announcement)))
        await self.assert_each_once()

    async def crash(self, *_: object) -> None:
        raise RuntimeError("crash")

    async def test_take_over(self) -> None:
        """One daemon at a time works; when it dies, the other goes on where it stopped."""
        self.patch(lease, "LASTS", lease.LASTS / 20)
        leases = [Lease(daemon.database, "announcements") for daemon in (self.one, self.other)]
        announcement = await self.announce()
        first = self.a_service(self.one, 5, leases[0])

        async def has_begun() -> bool:
            return await self.told(announcement) >= 2

        await eventually(has_begun, "the first two people")
        self.a_service(self.other, 1000, leases[1])
        Service.stopService(first)  # as if it died: the lease stays

        self.assertEqual((Progress.DONE, 12, 0, 13), self.outcome(await self.ended(announcement)))
        await self.assert_each_once()

    async def test_blocks(self) -> None:
        """Whoever blocks the author, or is blocked by them, is left out."""
        anna, boris = self.people_told[:2]
        for who, whom in ((anna, self.author), (self.author, boris)):
            await self.block(who, whom)
        self.a_service(self.one)

        announcement = await self.ended(await self.announce())

        self.assertEqual((Progress.DONE, 10, 2, 13), self.outcome(announcement))
        self.assertEqual([[], []], [await self.texts(user) for user in (anna, boris)])

    async def block(self, who: Id, whom: Id) -> None:
        mailboxes = self.one.stores.mailboxes

        def entry(stream: Id, kind: Kind, user: Id, seq: int) -> Entry:
            return Entry(id=new_id(), stream=stream, seq=seq, kind=kind, author=user, user=user, created_at=now())

        await mailboxes.change_blocks(whom, lambda _, seq: entry(whom, Kind.BLOCKED, whom, seq))
        await mailboxes.change_blocks(who, lambda _, seq: entry(who, Kind.BLOCK, whom, seq))

    async def test_stopped(self) -> None:
        """An announcement that was stopped tells nobody else."""
        announcement = await self.announce()
        actions = self.actions(self.one)
        await actions.tell_some(announcement, 4)
        await self.one.stores.announcements.end(announcement.id, Progress.STOPPED, now())

        self.a_service(self.other)

        self.assertEqual((Progress.STOPPED, 4, 0, 13), self.outcome(await self.ended(announcement)))
        self.assertIsNone(await self.one.stores.announcements.next_running())

    async def test_between_messages(self) -> None:
        """It is in the order of the dialog, and an answer makes a dialog of the author."""
        anna = self.people_told[0]
        await send(self.one.stores.mailboxes, self.author, anna, "before")
        self.a_service(self.other)

        await self.ended(await self.announce())
        await send(self.one.stores.mailboxes, anna, self.author, "what?")

        dialog = await self.one.stores.mailboxes.dialog(anna, self.author, skip=0, limit=9)
        self.assertEqual(["what?", "hello everybody", "before"], [message.text for message in dialog])
        (of_author,) = await self.other.stores.mailboxes.dialogs(self.author)
        self.assertEqual("what?", of_author.last_message.text)
