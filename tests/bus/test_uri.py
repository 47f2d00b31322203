"""``[bus] uri``: what it may be, and that its password is in no error."""

import itertools
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase

from justchat.bus.uri import BusUri, owning_node, parse_uris
from justchat.errors import StartupError
from justchat.model.ids import new_id


class Uris(SynchronousTestCase):
    def test_forms(self) -> None:
        """Host, port and account, decoded; or a socket."""
        for text, expected in (
            ("redis://bus.example.com", BusUri("bus.example.com", 6379, None, None, None, False)),
            ("REDIS://Bus.Example.com:7000/0", BusUri("bus.example.com", 7000, None, None, None, False)),
            ("rediss://:pa%2Fs%40s@[::1]:7000/", BusUri("::1", 7000, None, None, "pa/s@s", True)),
            ("redis://anna:key@10.0.0.1?db=0", BusUri("10.0.0.1", 6379, None, "anna", "key", False)),
            ("unix:///run/redis/redis.sock", BusUri("", 0, "/run/redis/redis.sock", None, None, False)),
            ("unix://anna:k%3Ay@/a%20b.sock?db=0", BusUri("", 0, "/a b.sock", "anna", "k:y", False)),
            ("redis+unix:///run/r.sock", BusUri("", 0, "/run/r.sock", None, None, False)),
        ):
            self.assertEqual(expected, BusUri.parse(text), text)

    def test_wrong(self) -> None:
        """Anything else is refused in one line that names the setting, without the password."""
        for text, named in (
            ("amqp://:hush@host", "redis://"),
            ("hush", "redis://"),
            ("", "redis://"),
            ("redis://", "no host"),
            ("redis://:hush@", "no host"),
            ("redis://:hush@host:port", "port"),
            ("redis://:hush@host:99999", "port"),
            ("redis://:hush@host/1", "database"),
            ("redis://:hush@host?db=2", "database"),
            ("unix:///a.sock?db=1", "database"),
            ("redis://:hush@host?ssl_cert_reqs=hush", "ssl_cert_reqs"),
            ("redis://:hush#x@host", "percent-encoded"),
            ("redis://:hush/x@host", "percent-encoded"),
            ("redis://:hush:x@host", "percent-encoded"),
            ("redis://:hush@x@host", "percent-encoded"),
            ("redis://:hush%zz@host", "percent-encoded"),
            ("redis://:hush?x@host", "percent-encoded"),
            ("redis://[hush@host", "percent-encoded"),
            ("redis://anna@host", "password"),
            ("unix://", "path"),
            ("unix://relative.sock", "path"),
        ):
            with self.assertRaises(StartupError) as caught:
                parse_uris([text])
            line = str(caught.exception)
            self.assertTrue(line.startswith("[bus] uri: "), line)
            self.assertIn(named, line, text)
            self.assertNotIn("hush", line)
            self.assertNotIn("\n", line)

    def test_list(self) -> None:
        """Of several, the wrong one is numbered; none is given twice."""
        for texts, named in (
            (["redis://a", "redis://:hush@b/1"], "number 2"),
            (["redis://a:6379", "redis://:hush@A"], "twice"),
        ):
            with self.assertRaises(StartupError) as caught:
                parse_uris(texts)
            self.assertIn(named, str(caught.exception))

    def test_exposed(self) -> None:
        """A node beyond this machine is exposed unless it has both TLS and a password."""
        for text, expected in (
            ("redis://127.0.0.1", False),
            ("redis://localhost:7000", False),
            ("redis://[::1]", False),
            ("unix:///a.sock", False),
            ("rediss://:hush@10.0.0.1", False),
            ("redis://:hush@10.0.0.1", True),
            ("rediss://10.0.0.1", True),
        ):
            self.assertEqual(expected, BusUri.parse(text).is_exposed, text)

    def test_repr(self) -> None:
        """The password is in no repr."""
        self.assertNotIn("hush", repr(BusUri.parse("redis://anna:hush@host")))


class Authorities(SynchronousTestCase):
    def test_unreadable(self) -> None:
        """A file of authorities that has none is named, whatever it has instead."""
        file = Path(self.mktemp())
        node = BusUri.parse("rediss://host")
        begin, end = b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n"

        with self.assertRaises(StartupError) as missing:
            node.endpoint(reactor, str(file))
        self.assertIn(f"[bus] ca_file: {file}: No such file", str(missing.exception))
        for content in (b"", b"\xff\x00", end, begin + b"garbage\n" + end, begin + b"MIIB\n" + end):
            file.write_bytes(content)
            with self.assertRaises(StartupError) as caught:
                node.endpoint(reactor, str(file))
            self.assertIn(f"[bus] ca_file: {file}: has", str(caught.exception), content)


class Owners(SynchronousTestCase):
    ADDRESSES = ("a:6379", "b:6379", "c:6379")

    def test_order(self) -> None:
        """Which node owns a stream does not depend on the order of the list."""
        for stream in (new_id() for _ in range(50)):
            owners = {order[owning_node(stream, order)] for order in itertools.permutations(self.ADDRESSES)}

            self.assertEqual(1, len(owners))

    def test_even(self) -> None:
        """Each node owns about as many."""
        owners = [owning_node(new_id(), self.ADDRESSES) for _ in range(3000)]

        for node in range(3):
            self.assertTrue(800 < owners.count(node) < 1200, owners.count(node))

    def test_added(self) -> None:
        """A new node takes streams of the others, and no stream moves between these."""
        for stream in (new_id() for _ in range(300)):
            before = self.ADDRESSES[owning_node(stream, self.ADDRESSES)]
            more = (*self.ADDRESSES, "d:6379")

            self.assertIn(more[owning_node(stream, more)], (before, "d:6379"))
