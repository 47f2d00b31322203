"""The driver when a node misbehaves: it is stopped, reads too slowly, refuses, or others speak on its channels."""

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from justchat.bus import bus as driver
from justchat.bus import connection, node
from justchat.interfaces.bus import CONTROL, PacketKind
from justchat.metrics.declarations import BUS_PACKETS
from justchat.model.ids import Id, new_id
from tests.support.bus_case import BusCase, RedisCarrier, entry, result, streams
from tests.support.waiting import eventually

ENTRY = PacketKind.ENTRY


class Faults(BusCase):
    def setUp(self) -> None:
        super().setUp()
        assert isinstance(self.carrier, RedisCarrier)
        self.server = self.carrier.servers[0]
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self.log)
        self.addCleanup(globalLogPublisher.removeObserver, self.log)

    def log(self, event: LogEvent) -> None:
        self.lines.append(formatEvent(event))

    def said(self, *words: str) -> int:
        """How many lines of the log have all of these words."""
        return sum(all(word in line for word in words) for line in self.lines)

    async def test_stopped(self) -> None:
        """A stopped Redis, which keeps its connections, is away within two seconds, and back within one."""
        anna = await self.a_bus()
        stream = new_id()
        await result(anna.bus.follow(stream))

        self.server.pause()
        at = reactor.seconds()  # type: ignore[attr-defined]
        await self.away(anna)
        took = reactor.seconds() - at  # type: ignore[attr-defined]
        self.server.go_on()
        await self.back(anna)

        self.assertGreater(took, 0.9)
        self.assertGreater(anna.bus.epoch(stream), 0)

    async def test_reads_slowly(self) -> None:
        """What waits for a node that does not read is bounded: it counts as away. Once it is back, all sweep."""
        self.patch(connection, "UNANSWERED", 1 << 20)
        self.patch(node, "RESENT", 1 << 18)
        self.patch(connection, "SILENT_PINGS", 1000)
        anna = await self.a_bus()
        self.server.pause()

        taken = 0
        while anna.bus.publish(new_id(), ENTRY, bytes(10_000)):
            taken += 1
            await deferLater(reactor, 0)
            self.assertLess(taken, 500)

        self.assertTrue(anna.bus.is_away())
        self.assertEqual(1, self.said("is away: it reads too slowly"))
        self.server.go_on()
        await self.back(anna)
        await eventually(lambda: anna.received[PacketKind.SWEEP, CONTROL], "the sweep")

    async def test_overrun(self) -> None:
        """A daemon that Redis cuts, since it does not read, learns by its epochs that it has missed packets."""
        anna, boris = await self.a_bus(), await self.a_bus()
        stream = new_id()
        await result(anna.bus.follow(stream))
        epoch = anna.bus.epoch(stream)

        self.server.command("CLIENT", "KILL", "TYPE", "pubsub")

        await eventually(lambda: anna.bus.epoch(stream) not in (0, epoch), "a new epoch")
        await self.back(anna, boris)
        boris.bus.publish(stream, ENTRY, entry(1))
        await eventually(lambda: anna.entries(stream), "the packet")

    async def test_foreign(self) -> None:
        """What is no packet of ours is counted and ignored; packets after it arrive."""
        anna = await self.a_bus()
        stream = new_id()
        await result(anna.bus.follow(stream))
        ignored = BUS_PACKETS.series["ignored",]

        for payload in (b"", b"\x01", b"\x02\x01later", b"\x01\xffunknown", b"hello", b"\x00" * 100):
            self.server.command("PUBLISH", f"jc:chat:{stream}", payload.decode("latin-1"))
        anna.bus.publish(stream, ENTRY, entry(1))

        await eventually(lambda: anna.entries(stream), "the packet")
        self.assertEqual([entry(1)], anna.entries(stream))
        self.assertEqual(ignored + 6, BUS_PACKETS.series["ignored",])

    async def test_handler_raises(self) -> None:
        """A handler that raises keeps nothing from the others."""
        anna = await self.a_bus()
        stream = new_id()

        def fail(stream: Id, body: bytes) -> None:
            raise RuntimeError("a fault of ours")

        anna.bus._handlers[ENTRY].insert(0, fail)
        await result(anna.bus.follow(stream))
        anna.bus.publish(stream, ENTRY, entry(1))

        await eventually(lambda: anna.entries(stream), "the packet")
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))

    async def test_lingers(self) -> None:
        """A stream that nobody follows any more is unsubscribed after a while, and at once where many linger."""
        self.patch(driver, "LINGERING", 10)
        anna = await self.a_bus()
        followed = streams(20)
        for stream in followed:
            await result(anna.bus.follow(stream))

        for stream in followed:
            anna.bus.unfollow(stream)

        self.assertEqual(set(followed[10:]), {*anna.bus.followed()})
        self.patch(driver, "LINGER", 0.0)
        anna.bus.follow(followed[15])
        anna.bus._lingering.update(dict.fromkeys(anna.bus._lingering, 0.0))
        await eventually(lambda: set(anna.bus.followed()) == {followed[15]}, "the others to be unsubscribed")
        await eventually(lambda: self.server.command("PUBSUB", "NUMPAT") and self.subscribed() == 2, "so at the node")

    def subscribed(self) -> int:
        return int(self.server.command("PUBSUB", "CHANNELS").split(b"\r\n")[0][1:])

    async def test_once_a_line(self) -> None:
        """An outage is one line when it begins and one when it ends, whatever number of tries it takes. No password."""
        anna = await self.a_bus()
        await self.carrier.kill()
        await self.away(anna)
        await eventually(lambda: anna.bus._nodes[0]._delay >= 0.4, "some tries")
        await self.carrier.restart()
        await self.back(anna)

        address = f"127.0.0.1:{self.server.port}"
        self.assertEqual([1, 1], [self.said(f"{address} is away: conn"), self.said(f"{address} is back")])
        self.assertEqual(0, self.said("a:s"))

    async def test_certificate(self) -> None:
        """A node whose certificate is not of the authorities is away, and is sent no password."""
        carrier = RedisCarrier("tls")
        self.addCleanup(carrier.end)

        anna = await self.a_bus(uris=carrier.uris)

        self.assertTrue(anna.bus.is_away())
        self.assertEqual(1, self.said("is away: certificate verify failed"))

    async def test_other_protocol(self) -> None:
        """A server that talks nonsense, at once or after a greeting, is away, and nothing is raised."""
        greeting = b"%1\r\n$5\r\nproto\r\n:3\r\n"
        told = [b"HTTP/1.1 400 Bad Request\r\n", b"+OK\r\n", b":5\r\n", b"_\r\n", b"-ERR no\r\n"]
        told += [greeting + end for end in (b"!", b"*4294967295\r\n", b"%1\r\n*0\r\n:1\r\n", b"-NOPERM no\r\n")]
        told += [greeting + b">3\r\n$7\r\nmessage\r\n:1\r\n:2\r\n>1\r\n+x\r\n>0\r\n:5\r\n+PONG\r\n%0\r\nx"]

        for nonsense in told:
            anna = await self.a_bus(uris=[f"redis://127.0.0.1:{self.a_port(nonsense)}"])
            await self.away(anna)

        self.assertEqual(len(told), self.said("is away"))

    def a_port(self, told: bytes) -> int:
        """The port of a server that says this to everybody."""

        class Nonsense(Protocol):
            def connectionMade(self) -> None:
                assert self.transport is not None
                self.transport.write(told)

        listening = reactor.listenTCP(0, Factory.forProtocol(Nonsense), interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        port: int = listening.getHost().port
        return port
