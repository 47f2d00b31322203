"""A gift reaches the receiver's roommates at every daemon, once, whatever is in memory."""

from justchat.errors import DatabaseAway
from justchat.hub import publisher
from justchat.model.entry import Entry, Kind
from justchat.model.gift import Gift
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.room import Room
from tests.support.joined import JoinedCase, JoinedDaemon
from tests.support.waiting import eventually


class Gifts(JoinedCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.admin, self.anna = await self.people(2)
        self.room = await self.a_room(self.admin, self.admin, self.anna)

    async def give(self, by: JoinedDaemon, to: Id, room: Id) -> None:
        gift = Gift(id=new_id(), name="a rose", image="uploads/rose.png", price=5, created_at=now())

        def make(seq: int) -> Entry:
            return Entry(
                id=new_id(),
                stream=to,
                seq=seq,
                kind=Kind.GIFT,
                author=new_id(),
                user=to,
                created_at=now(),
                gift=gift,
                room=room,
            )

        await by.stores.mailboxes.append(to, make)

    async def test_forgotten_room(self) -> None:
        """Also where the room was dropped from memory."""
        for daemon in (self.one, self.other):
            connection, _ = await daemon.bind(self.admin)
            for each in (self.one, self.other):
                each.stores.rooms._log.heads.in_memory.clear()

            await self.give(self.one, self.anna, self.room)

            await eventually(lambda connection=connection: connection.received, "the gift")

    async def test_outage(self) -> None:
        """Also where the database is away when the room is to be read: once it is back."""
        self.patch(publisher, "PAUSE", 0.01)
        roommate, _ = await self.one.bind(self.admin)
        rooms, failures = self.one.stores.rooms, [DatabaseAway()] * 3
        get = rooms.get

        async def get_later(room: Id) -> Room:
            if failures:
                raise failures.pop()
            return await get(room)

        self.patch(rooms, "get", get_later)

        await self.give(self.other, self.anna, self.room)

        await eventually(lambda: roommate.received, "the gift")
        self.assertEqual([], failures)

    async def test_once(self) -> None:
        """Who hears of it by the bus and by the database gets it once; the receiver gets it as their own."""
        roommate, _ = await self.other.bind(self.admin)
        receiver, _ = await self.other.bind(self.anna)
        assert self.other.stores.packets is not None

        await self.give(self.one, self.anna, self.room)

        await eventually(lambda: roommate.received and receiver.received, "the gift")
        for _ in range(3):
            await self.other.stores.packets.look()
        self.assertEqual((1, 1), (len(roommate.received), len(receiver.received)))
        self.assertNotIn('"n":', roommate.received[0])
