"""Client addresses: which address a call counts for."""

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from justchat.limits.client_address import ClientAddresses, Header

LOOPBACK = ("127.0.0.0/8", "::1/128")


def a_peer(host: str) -> object:
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, 4711)


class AddressCase(SynchronousTestCase):
    def address(
        self,
        peer: str,
        *forwarded: bytes,
        proxies: tuple[str, ...] = ("10.0.0.0/8",),
        header: Header = "X-Forwarded-For",
    ) -> str | None:
        return ClientAddresses(proxies, header, LOOPBACK).of(a_peer(peer), forwarded)


class Hosts(SynchronousTestCase):
    """The whole address, by which networks of server keys are checked."""

    def host(self, peer: str, *forwarded: bytes) -> str | None:
        return ClientAddresses(("10.0.0.0/8",), "X-Forwarded-For", LOOPBACK).host_of(a_peer(peer), forwarded)

    def test_peer(self) -> None:
        """It is the peer's, also of one that is not counted; what a stranger writes does not matter."""
        self.assertEqual("127.0.0.1", self.host("127.0.0.1"))
        self.assertEqual("127.0.0.1", self.host("127.0.0.1", b"192.0.2.1"))
        self.assertEqual("192.0.2.9", self.host("192.0.2.9", b"10.0.0.1"))

    def test_proxy(self) -> None:
        """Behind our proxy it is the nearest hop that is no proxy of ours, not reduced to a network."""
        self.assertEqual("2001:db8::7", self.host("10.0.0.1", b"192.0.2.1, 2001:db8::7, 10.0.0.2"))

    def test_mapped(self) -> None:
        """An IPv4 address in IPv6 is the IPv4 address."""
        self.assertEqual("192.0.2.1", self.host("::ffff:192.0.2.1"))

    def test_unix_socket(self) -> None:
        """Behind a Unix socket that names nobody it is not known."""
        addresses = ClientAddresses((), "X-Forwarded-For", ())

        self.assertEqual(None, addresses.host_of(UNIXAddress("x"), ()))
        self.assertEqual("192.0.2.1", addresses.host_of(UNIXAddress("x"), (b"192.0.2.1",)))


class Strangers(AddressCase):
    def test_peer(self) -> None:
        """Without a configured proxy the address is the connection's, whatever the headers say."""
        self.assertEqual("192.0.2.1", self.address("192.0.2.1"))
        self.assertEqual("192.0.2.1", self.address("192.0.2.1", b"127.0.0.1", b"10.0.0.1"))

    def test_exempt(self) -> None:
        """Networks that are exempt are not counted."""
        self.assertEqual([None, None], [self.address("127.0.0.1"), self.address("::1")])

    def test_unknown_proxy(self) -> None:
        """All clients behind an unconfigured local proxy are one caller, which is not exempt."""
        self.assertEqual("127.0.0.1", self.address("127.0.0.1", b"192.0.2.1"))

    def test_mapped(self) -> None:
        """An IPv4-mapped IPv6 address is the IPv4 address."""
        self.assertEqual("192.0.2.1", self.address("::ffff:192.0.2.1"))

    def test_network(self) -> None:
        """Addresses of one IPv6 customer are one caller."""
        self.assertEqual(self.address("2001:db8:1:2::1"), self.address("2001:db8:1:2:ffff::9"))
        self.assertNotEqual(self.address("2001:db8:1:2::1"), self.address("2001:db8:1:3::1"))


class Proxies(AddressCase):
    def test_forwarded_for(self) -> None:
        """A configured proxy's header is used."""
        self.assertEqual("192.0.2.1", self.address("10.0.0.1", b"192.0.2.1"))

    def test_forged(self) -> None:
        """The client's own part of the header is not."""
        self.assertEqual("192.0.2.1", self.address("10.0.0.1", b"127.0.0.1, 198.51.100.7, 192.0.2.1"))
        self.assertEqual("192.0.2.1", self.address("10.0.0.1", b"127.0.0.1", b"192.0.2.1"))

    def test_chain(self) -> None:
        """Proxies behind proxies are skipped."""
        self.assertEqual("192.0.2.1", self.address("10.0.0.1", b"8.8.8.8, 192.0.2.1, 10.0.0.9, 10.0.0.8"))

    def test_not_exempt(self) -> None:
        """Nobody becomes exempt through a proxy."""
        self.assertEqual("127.0.0.1", self.address("10.0.0.1", b"127.0.0.1"))
        self.assertEqual("127.0.0.1", self.address("127.0.0.1", proxies=LOOPBACK))

    def test_garbage(self) -> None:
        """A hop that is not an address ends the search at the nearest one that is."""
        for garbage in (b"", b"unknown", b"_hidden", b"'; drop", b"\xff", b"1.2.3", b"," * 5000, b"9" * 10**5):
            self.assertEqual("10.0.0.1", self.address("10.0.0.1", garbage))
            self.assertEqual("192.0.2.1", self.address("10.0.0.1", garbage + b", 192.0.2.1"))

    def test_ports(self) -> None:
        """Hops may have ports, and IPv6 brackets."""
        self.assertEqual("192.0.2.1", self.address("10.0.0.1", b"192.0.2.1:80"))
        self.assertEqual("2001:db8::/64", self.address("10.0.0.1", b"[2001:db8::1]:80"))
        self.assertEqual("2001:db8::/64", self.address("10.0.0.1", b"2001:db8::1"))

    def test_rfc_7239(self) -> None:
        """The same from Forwarded, where that is the proxies' header."""
        for written in (b"for=192.0.2.1;proto=https", b"proto=https; For=192.0.2.1", b'for="192.0.2.1:4711"'):
            self.assertEqual("192.0.2.1", self.address("10.0.0.1", b"for=1.1.1.1, " + written, header="Forwarded"))
        self.assertEqual("2001:db8::/64", self.address("10.0.0.1", b'for="[2001:db8::1]:4711"', header="Forwarded"))

    def test_unix(self) -> None:
        """A peer on a Unix socket is a proxy."""
        addresses = ClientAddresses((), "X-Forwarded-For", LOOPBACK)

        self.assertEqual("192.0.2.1", addresses.of(UNIXAddress(b"/run/justchat"), [b"192.0.2.1"]))
