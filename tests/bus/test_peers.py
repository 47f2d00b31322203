"""The bus among workers: what the end and the start of one of them means for the others."""

from collections.abc import Iterable

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.interfaces import IDelayedCall

from justchat.bus import connection, node, peers, server
from justchat.bus.connection import RespConnection
from justchat.bus.peers import PeerBus
from justchat.bus.uri import parse_uris
from justchat.interfaces.bus import CONTROL, PacketKind
from justchat.model.ids import new_id
from tests.support.bus_case import BusCase, Subscriber, entry, result, streams
from tests.support.peers_case import PeersCase
from tests.support.waiting import eventually

ENTRY, MOVED, SWEEP = PacketKind.ENTRY, PacketKind.MOVED, PacketKind.SWEEP


class Peers(PeersCase):
    async def again(self, number: int) -> Subscriber:
        """The worker with this number is started again."""
        worker = Subscriber(self.a_worker(parse_uris(self.carrier.uris), "chat", number))
        self.subscribers.append(worker)
        await worker.bus.start()
        return worker

    async def end(self, worker: Subscriber, other: Subscriber) -> None:
        """The worker ends, and the other knows it."""
        changes = len(other.changes)
        await worker.bus.stop()
        await eventually(lambda: other.changes[changes:] == [True, False], "its end to be known")

    async def test_alone(self) -> None:
        """The first worker waits for nobody: what it follows is confirmed, and nothing is away."""
        anna = await self.a_bus()

        self.assertTrue(self.successResultOf(anna.bus.follow(new_id())))
        self.assertFalse(anna.bus.is_away())

    async def test_ends(self) -> None:
        """When a worker has ended, the others have new epochs at once, since packets may be lost, and go on."""
        anna, boris, clara = [await self.a_bus() for _ in range(3)]
        followed, later = streams(2)
        await result(boris.bus.follow(followed))
        epoch = boris.bus.epoch(followed)

        await self.end(clara, boris)

        self.assertGreater(boris.bus.epoch(followed), epoch)
        self.assertFalse(boris.bus.is_away())
        await result(boris.bus.follow(later))
        for stream in (followed, later):
            anna.bus.publish(stream, ENTRY, entry(1))
        await eventually(lambda: boris.entries(followed) and boris.entries(later), "the packets")

    async def test_again(self) -> None:
        """A worker that is started again serves when the others have subscribed to it: they miss nothing, in the same
        epochs.
        """
        _, boris, clara = [await self.a_bus() for _ in range(3)]
        followed = streams(1500)
        self.patch(peers, "LOOKED_EVERY", 0)
        await self.end(clara, boris)
        await result(gatherResults([boris.bus.follow(stream) for stream in followed]))
        epochs = [boris.bus.epoch(stream) for stream in followed]
        changes = len(boris.changes)

        clara = await self.again(3)
        for stream in followed:
            clara.bus.publish(stream, ENTRY, entry(1))

        await eventually(lambda: all(boris.entries(stream) for stream in followed), "the packets")
        self.assertEqual(epochs, [boris.bus.epoch(stream) for stream in followed])
        self.assertEqual(changes, len(boris.changes))

    async def test_follows_meanwhile(self) -> None:
        """What is followed while a worker starts is confirmed by that worker, too."""
        _, boris, clara = [await self.a_bus() for _ in range(3)]
        await self.end(clara, boris)
        starting = self.a_worker(parse_uris(self.carrier.uris), "chat", 3)
        self.subscribers.append(Subscriber(starting))
        started = starting.start()
        stream = new_id()

        confirmed = boris.bus.follow(stream)
        await started
        await result(confirmed)
        starting.publish(stream, ENTRY, entry(1))

        await eventually(lambda: boris.entries(stream), "the packet")

    async def test_too_late(self) -> None:
        """Where one was too slow to subscribe in time, it has new epochs, since it has missed packets."""
        self.patch(peers, "JOINED_WITHIN", 0)
        self.patch(node, "LAST_DELAY", 2)
        _, boris, clara = [await self.a_bus() for _ in range(3)]
        await self.end(clara, boris)
        stream = new_id()
        await result(boris.bus.follow(stream))
        epoch = boris.bus.epoch(stream)
        assert isinstance(boris.bus, PeerBus)
        self.patch(boris.bus, "called", lambda name: None)  # it comes back with its next try

        clara = await self.again(3)
        clara.bus.publish(stream, ENTRY, entry(1))

        await eventually(lambda: boris.bus.epoch(stream) > epoch, "a new epoch")
        self.assertEqual([True, False], boris.changes[-2:])
        clara.bus.publish(stream, ENTRY, entry(2))
        await eventually(lambda: boris.entries(stream), "a packet")
        self.assertEqual([entry(2)], boris.entries(stream))

    async def test_subscribes_late(self) -> None:
        """So it has where it was greeted in time, and has subscribed too late."""
        self.patch(peers, "JOINED_WITHIN", 0.1)
        _, boris, clara = [await self.a_bus() for _ in range(3)]
        await self.end(clara, boris)
        stream = new_id()
        await result(boris.bus.follow(stream))
        epoch = boris.bus.epoch(stream)
        assert isinstance(boris.bus, PeerBus)
        subscribe, slow = RespConnection.subscribe, boris.bus._peers[b"worker-3"]
        late: list[IDelayedCall] = []

        def subscribe_late(connection: RespConnection, channels: Iterable[bytes]) -> None:
            if connection._user is slow and not late:
                late.append(reactor.callLater(1, subscribe, connection, channels))  # type: ignore[attr-defined]
            else:
                subscribe(connection, channels)

        self.patch(RespConnection, "subscribe", subscribe_late)

        clara = await self.again(3)
        clara.bus.publish(stream, ENTRY, entry(1))

        await eventually(lambda: boris.bus.epoch(stream) > epoch, "a new epoch")
        (call,) = late
        call.cancel()
        clara.bus.publish(stream, ENTRY, entry(2))
        await eventually(lambda: boris.entries(stream), "a packet")
        self.assertEqual([entry(2)], boris.entries(stream))

    async def test_stands_still(self) -> None:
        """A worker that stands still takes nothing from the others: epochs stay, and what they publish arrives. What is
        followed meanwhile is confirmed once it answers.
        """
        self.patch(connection, "PING_EVERY", 0.05)
        anna, boris, clara = [await self.a_bus() for _ in range(3)]
        before, meanwhile = streams(2)
        await result(boris.bus.follow(before))
        epoch, changes = boris.bus.epoch(before), len(boris.changes)
        assert isinstance(clara.bus, PeerBus)
        stood_still = [each.transport for each in clara.bus._server.clients]
        for transport in stood_still:
            transport.pauseProducing()

        confirmed = await result(boris.bus.follow(meanwhile))

        self.assertFalse(confirmed)
        self.assertFalse(self.successResultOf(boris.bus.follow(meanwhile)))
        self.assertEqual((epoch, 0), (boris.bus.epoch(before), boris.bus.epoch(meanwhile)))
        for stream in (before, meanwhile):
            anna.bus.publish(stream, ENTRY, entry(1))
        await eventually(lambda: boris.entries(before) and boris.entries(meanwhile), "the packets")
        self.assertEqual((False, changes), (boris.bus.is_away(), len(boris.changes)))

        for transport in stood_still:
            transport.resumeProducing()
        await eventually(lambda: boris.bus.epoch(meanwhile), "the confirmation")
        self.assertEqual(epoch, boris.bus.epoch(before))

    async def test_socket_removed(self) -> None:
        """A worker whose socket somebody has removed is away, not absent: it serves."""
        anna, boris = await self.a_bus(), await self.a_bus()
        await self.end(anna, boris)
        assert isinstance(boris.bus, PeerBus)
        boris.bus._socket.unlink()

        anna = await self.again(1)

        await eventually(anna.bus.is_away, "it to be away")
        self.assertFalse(await result(anna.bus.follow(new_id())))

    async def test_operator_early(self) -> None:
        """What a command publishes at a worker that starts is published once the others follow it."""
        anna, boris = await self.a_bus(), await self.a_bus()
        await self.end(anna, boris)
        serving = self.patch(PeerBus, "is_serving", lambda bus: False)
        anna = await self.again(1)
        command = Subscriber(BusCase.make_bus(self, parse_uris(self.carrier.uris[:1]), "chat"))
        self.subscribers.append(command)
        await command.bus.start()
        assert isinstance(anna.bus, PeerBus)
        sent: list[bytes] = []
        self.patch(anna.bus._server, "publish", lambda channel, payload: sent.append(payload) or 0)
        changes = len(command.changes)

        command.bus.publish(new_id(), ENTRY, entry(1))
        await eventually(lambda: True in command.changes[changes:], "the command to be cut")
        self.assertEqual([], sent)
        serving.restore()

        await eventually(lambda: sent, "the packet")

    async def test_unfollowed_meanwhile(self) -> None:
        """A stream that is unfollowed and followed again while a worker starts is confirmed by it anew."""
        _, boris, clara = [await self.a_bus() for _ in range(3)]
        stream = new_id()
        await result(boris.bus.follow(stream))
        await self.end(clara, boris)
        boris.bus.unfollow(stream)

        clara = await self.again(3)
        await result(boris.bus.follow(stream))
        clara.bus.publish(stream, ENTRY, entry(1))

        await eventually(lambda: boris.entries(stream), "the packet")

    async def test_unheard(self) -> None:
        """A packet that nobody follows leaves the worker for nobody."""
        anna, boris = await self.a_bus(), await self.a_bus()
        stream = new_id()
        assert isinstance(anna.bus, PeerBus)
        sent: list[bytes] = []
        self.patch(anna.bus._server, "publish", lambda channel, payload: sent.append(channel))

        self.assertTrue(anna.bus.publish(stream, ENTRY, entry(1)))
        await result(boris.bus.follow(stream))
        self.assertTrue(anna.bus.publish(stream, ENTRY, entry(2)))

        self.assertEqual(1, len(sent))

    async def test_own(self) -> None:
        """A worker hears its own packets in the order in which it published them, but no entries."""
        anna = await self.a_bus()
        stream = new_id()
        await result(anna.bus.follow(stream))

        for number in range(100):
            anna.bus.publish(stream, MOVED, entry(number))
            anna.bus.publish(stream, ENTRY, entry(number))
        anna.bus.publish(new_id(), MOVED, b"")

        await eventually(lambda: len(anna.received[MOVED, stream]) == 100, "them")
        self.assertEqual([entry(number) for number in range(100)], anna.received[MOVED, stream])
        self.assertEqual([(MOVED, stream)], [key for key, bodies in anna.received.items() if bodies])

    async def test_operator(self) -> None:
        """What a command publishes at one worker is received by all who follow the stream, that worker included."""
        workers = [await self.a_bus() for _ in range(3)]
        command = Subscriber(BusCase.make_bus(self, parse_uris(self.carrier.uris[:3]), "chat"))
        self.subscribers.append(command)
        await command.bus.start()
        followed = streams(20)
        await result(gatherResults([each.bus.follow(stream) for stream in followed for each in workers[:2]]))

        for stream in followed:
            self.assertTrue(command.bus.publish(stream, ENTRY, entry(1)))
        command.bus.publish(CONTROL, SWEEP, b"")

        for each in workers:
            await eventually(lambda each=each: each.received[SWEEP, CONTROL], "the sweep")  # type: ignore[misc]
        await eventually(lambda: all(each.entries(s) for s in followed for each in workers[:2]), "the entries")
        self.assertEqual([[entry(1)]] * 40, [each.entries(stream) for stream in followed for each in workers[:2]])
        self.assertEqual([[]] * 20, [workers[2].entries(stream) for stream in followed])

    async def test_slow(self) -> None:
        """A worker that reads too slowly is cut, connects anew, and has new epochs."""
        self.patch(server, "UNREAD", 1 << 20)
        anna, boris = await self.a_bus(), await self.a_bus()
        stream = new_id()
        await result(boris.bus.follow(stream))
        epoch = boris.bus.epoch(stream)
        (reading,) = (each.connection for each in boris.bus._nodes if each.connection is not None)
        reading.transport.pauseProducing()

        for _ in range(100):
            anna.bus.publish(stream, ENTRY, bytes(50_000))
        await eventually(lambda: anna.bus.unconfirmed == 0, "the cut")
        reading.transport.resumeProducing()

        await eventually(lambda: boris.bus.epoch(stream) > epoch, "a new epoch")

    async def test_stops(self) -> None:
        """What a worker has published arrives, even if it stops right after."""
        anna, boris = await self.a_bus(), await self.a_bus()
        stream = new_id()
        await result(boris.bus.follow(stream))
        bodies = [bytes(100_000), entry(2)]

        for body in bodies:
            anna.bus.publish(stream, ENTRY, body)
        await anna.bus.stop()

        await eventually(lambda: len(boris.entries(stream)) == 2, "the packets")
        self.assertEqual(bodies, boris.entries(stream))
        self.assertFalse(anna.bus.publish(stream, ENTRY, entry(3)))
