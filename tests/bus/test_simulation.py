"""The simulation of many daemons (``python -m bench.simulation``), in a small form."""

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from bench.simulation.network import Network
from bench.simulation.run import Simulation, moved_share, simulate
from bench.simulation.world import World, room_stream, user_stream
from justchat.interfaces.bus import IBus, PacketKind
from justchat.model.ids import Id

STREAM = Id("a" * 24)


class Networks(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = Network(["a", "b", "c"])
        self.one, self.other = self.network.bus(), self.network.bus()

    def test_interface(self) -> None:
        """The fake is a bus, as the daemon knows one."""
        self.assertTrue(verifyObject(IBus, self.one))

    def test_counts(self) -> None:
        """A packet goes to every daemon that follows its stream, until it has unfollowed it as often."""
        received: list[bytes] = []
        self.one.on_packet(PacketKind.ENTRY, lambda stream, body: received.append(body))
        for bus in (self.one, self.one, self.other):
            self.assertTrue(self.successResultOf(bus.follow(STREAM)))

        self.other.publish(STREAM, PacketKind.ENTRY, b"1")
        self.one.unfollow(STREAM)
        self.other.publish(STREAM, PacketKind.ENTRY, b"2")
        self.one.unfollow(STREAM)
        self.other.publish(STREAM, PacketKind.ENTRY, b"3")

        self.assertEqual([b"1", b"2"], received)
        self.assertEqual((2, 3), (self.one.received, self.other.received))
        self.assertEqual(5, sum(self.network.handed_out))

    def test_node(self) -> None:
        """Without its node a stream has no epoch and passes nothing; with the node back it has a new one."""
        self.one.follow(STREAM)
        before = self.one.epoch(STREAM)

        self.network.leave(self.network.owner(STREAM))
        self.assertEqual((0, False), (self.one.epoch(STREAM), self.one.publish(STREAM, PacketKind.ENTRY, b"")))
        self.network.come_back(self.network.owner(STREAM))

        self.assertGreater(self.one.epoch(STREAM), before)
        self.assertTrue(self.one.publish(STREAM, PacketKind.ENTRY, b""))


class Small(SynchronousTestCase):
    """Five thousand people on twenty daemons and three nodes."""

    def setUp(self) -> None:
        self.world = World.make(5_000, 20, 1)
        self.run_ = Simulation(self.world, 20, 3)
        self.run_.connect()

    def daemons_in(self, room: int) -> set[int]:
        """The daemons that people of a room are connected to."""
        return {self.world.daemon_of[person] for person in self.world.members(room)}

    def test_world(self) -> None:
        """Everybody is in one room; ordinary rooms have a median of five."""
        sizes = sorted(len(self.world.members(room)) for room in range(self.world.rooms))

        self.assertEqual(5_000, sum(sizes))
        self.assertIn(sizes[len(sizes) // 2], (4, 5, 6))

    def test_subscriptions(self) -> None:
        """A daemon follows each of its people, and once each room that any of them is in."""
        rooms = sum(len(self.daemons_in(room)) for room in range(self.world.rooms))

        self.assertEqual(5_000 + rooms, sum(self.run_.network.subscriptions))
        self.assertEqual(20, self.run_.hand_outs_of_one(self.world.largest))
        for room in range(0, self.world.rooms, 100):
            self.assertEqual(len(self.daemons_in(room)), self.run_.hand_outs_of_one(room))

    def test_daemon_dies(self) -> None:
        """Its people are followed by others, each by one, and it gets nothing any more."""
        made = self.run_.daemon_dies(0)

        followers = Counter(stream for daemon in self.run_.daemons[1:] for stream in daemon.bus.followed())
        self.assertEqual({1}, {followers[user_stream(person)] for person in range(5_000)})
        self.assertGreater(sum(made), 5_000 // 20)
        received = self.run_.daemons[0].bus.received
        self.run_.write(500)
        self.assertEqual(received, self.run_.daemons[0].bus.received)

    def test_room_of_a_dead_daemon(self) -> None:
        """A room that was on the dead daemon alone is reached through others."""
        room = next(room for room in range(self.world.rooms) if self.daemons_in(room) == {0})
        self.run_.daemon_dies(0)

        self.assertTrue(any(room_stream(room) in daemon.bus.followed() for daemon in self.run_.daemons[1:]))

    def test_figures(self) -> None:
        """Packets into daemons are what nodes hand out. A node away stops its third; taking it out moves no more."""
        figures = simulate(5_000, 20, 3, 2_000)

        self.assertLess(abs(figures.hand_outs - 20 * figures.into_daemon), 1)
        self.assertLess(figures.into_daemon, figures.messages)
        for share in (figures.node_messages, figures.moved):
            self.assertLess(abs(1 / 3 - share), 0.1)
        self.assertLess(abs(1 / 8 - moved_share([f"n{number}" for number in range(8)], 5_000)), 0.03)
