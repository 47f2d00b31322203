"""Packets beside the log reach the other daemons, over the bus or through the database."""

from typing import Any

from bson import ObjectId, encode
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from justchat.errors import LoginTimeout
from justchat.interfaces.bus import CONTROL, PacketKind
from justchat.interfaces.packets import Move
from justchat.model.entry import Entry, Kind
from justchat.model.gift import Gift
from justchat.model.ids import Id, new_id
from justchat.model.moment import now
from justchat.model.user import Session
from justchat.store.bson import entry_to_document
from tests.support.joined import JoinedCase
from tests.support.waiting import eventually


def a_gift(user: Id, room: Id) -> Entry:
    gift = Gift(id=new_id(), name="a rose", image="uploads/rose.png", price=5, created_at=now())
    return Entry(
        id=new_id(),
        stream=user,
        seq=1,
        kind=Kind.GIFT,
        author=new_id(),
        user=user,
        created_at=now().replace(microsecond=0),
        text="for you",
        gift=gift,
        room=room,
    )


class Told(JoinedCase):
    async def setUp(self) -> None:
        await super().setUp()
        assert self.one.stores.packets and self.other.stores.packets
        self.sender, self.receiver = self.one.stores.packets, self.other.stores.packets
        self.moves: list[Move] = []
        self.gifts: list[Entry] = []
        self.receiver.on_moved(self.moves.append)
        self.receiver.on_roommate_gift(self.gifts.append)
        self.user, self.room = new_id(), new_id()
        self.move = Move(self.user, self.room, 7, now().replace(microsecond=0), 1 << 50)

    async def test_moved(self) -> None:
        """A follower of the user receives the move."""
        await self.other.bus.follow(self.user)

        self.sender.publish_move(self.move)

        await eventually(lambda: self.moves == [self.move], "the move")

    async def test_moved_without_bus(self) -> None:
        """With the bus away the next look at the database finds it, once."""
        self.node.leave()

        self.sender.publish_move(self.move)

        await eventually(self.looked(lambda: self.moves), "the move")
        await self.receiver.look()
        self.assertEqual([self.move], self.moves)

    async def test_gift(self) -> None:
        """A follower of the room receives the complete gift."""
        await self.other.bus.follow(self.room)
        gift = a_gift(self.user, self.room)

        self.sender.publish_gift(gift)

        await eventually(lambda: self.gifts, "the gift")
        self.assertEqual(gift.id, self.gifts[0].id)
        self.assertEqual((gift.text, gift.room), (self.gifts[0].text, self.gifts[0].room))

    async def test_gift_to_the_cut_off(self) -> None:
        """A daemon that alone has lost its node finds the gift in the database."""
        await self.other.bus.follow(self.room)
        self.other.bus.leave()

        self.sender.publish_gift(a_gift(self.user, self.room))

        await eventually(self.looked(lambda: self.gifts), "the gift")

    def looked(self, found: Any) -> Any:
        async def look() -> Any:
            await self.receiver.look()
            return found()

        return look

    async def test_malformed(self) -> None:
        """Packets that others forge change nothing and raise nothing."""
        for stream in (self.user, self.room):
            await self.other.bus.follow(stream)
        gift = entry_to_document(a_gift(self.user, self.room))
        bodies: list[tuple[PacketKind, bytes]] = [
            (PacketKind.MOVED, b""),
            (PacketKind.MOVED, b"\x05\x00\x00\x00"),
            (PacketKind.MOVED, b"\xff" * 100),
            *(
                (PacketKind.MOVED, encode(document))
                for document in (
                    {},
                    {"room": ObjectId(), "seq": 1},
                    {"room": ObjectId(), "seq": 1, "at": 5},
                    {"room": str(ObjectId()), "seq": 1, "at": now()},
                    {"room": ObjectId(), "seq": "1", "at": now()},
                    {"room": ObjectId(), "seq": True, "at": now()},
                    {"room": ObjectId(), "seq": 0, "at": now()},
                    {"room": {"$ne": None}, "seq": 1, "at": now()},
                )
            ),
            *(
                (PacketKind.ROOMMATE_GIFT, encode({**gift, **changed}))
                for changed in (
                    {"room": ObjectId()},
                    {"room": "x"},
                    {"stream": {"$gt": ""}},
                    {"text": 5},
                    {"gift": None},
                    {"gift": {"name": "no more"}},
                    {"kind": "message"},
                    {"create_at": "today"},
                )
            ),
        ]

        for kind, body in bodies:
            self.one.bus.publish(self.user if kind is PacketKind.MOVED else self.room, kind, body)
        self.sender.publish_move(self.move)
        self.sender.publish_gift(a_gift(self.user, self.room))

        await eventually(lambda: self.moves and self.gifts, "what is in order")
        self.assertEqual(([self.move], 1), (self.moves, len(self.gifts)))


class SessionsOver(JoinedCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.ended: list[Session] = []
        self.other.stores.sessions.subscribe(self.ended.append)
        self.user = new_id()
        self.key = await self.one.stores.sessions.open(self.user)
        self.session = await self.other.stores.sessions.get(self.key)

    async def test_over(self) -> None:
        """A session that one daemon ends is over at the other at once, though the other has it in memory."""
        await self.one.stores.sessions.end(self.key)

        await eventually(lambda: self.ended, "the end")
        self.assertEqual([self.session.id], [session.id for session in self.ended])
        await self.assertFailure(self.get(), LoginTimeout)

    def get(self) -> "Deferred[Session]":
        return Deferred.fromCoroutine(self.other.stores.sessions.get(self.key))

    async def test_without_bus(self) -> None:
        """With the bus away the next look finds it."""
        self.node.leave()
        await self.one.stores.sessions.end_all(self.user)

        ended = await self.other.stores.sessions.ended_elsewhere(list)

        self.assertEqual([self.session.id], [session.id for session in ended])
        await self.assertFailure(self.get(), LoginTimeout)

    async def test_malformed(self) -> None:
        """Packets that others forge end nothing."""
        for document in (
            {},
            {"sessions": 5},
            {"sessions": [{}]},
            {"sessions": [{"session": ObjectId(), "user": ObjectId(), "digest": b"short"}]},
            {"sessions": [{"session": "x", "user": ObjectId(), "digest": b"5" * 32}]},
        ):
            self.one.bus.publish(CONTROL, PacketKind.SESSION_OVER, encode(document))
        self.one.bus.publish(CONTROL, PacketKind.SESSION_OVER, b"no bson")

        for _ in range(5):
            await deferLater(reactor, 0)

        self.assertEqual(self.session.id, (await self.other.stores.sessions.get(self.key)).id)
        self.assertEqual([], self.ended)
