"""Whose a call is, by address."""

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


class Strangers(AddressCase):
    def test_peer(self) -> None:
        """Who is no proxy is whom the connection is from, whatever they write."""
        self.assertEqual("192.0.2.1", self.address("192.0.2.1"))
        self.assertEqual("192.0.2.1", self.address("192.0.2.1", b"127.0.0.1", b"10.0.0.1"))

    def test_exempt(self) -> None:
        """Networks that are exempt are not counted."""
        self.assertEqual([None, None], [self.address("127.0.0.1"), self.address("::1")])

    def test_unknown_proxy(self) -> None:
        """A proxy on the machine that is not configured is one caller for all behind it: not one who is exempt."""
        self.assertEqual("127.0.0.1", self.address("127.0.0.1", b"192.0.2.1"))

    def test_mapped(self) -> None:
        """An IPv4 address in IPv6's clothes is the same one."""
        self.assertEqual("192.0.2.1", self.address("::ffff:192.0.2.1"))

    def test_network(self) -> None:
        """Addresses of one IPv6 customer are one caller."""
        self.assertEqual(self.address("2001:db8:1:2::1"), self.address("2001:db8:1:2:ffff::9"))
        self.assertNotEqual(self.address("2001:db8:1:2::1"), self.address("2001:db8:1:3::1"))


class Proxies(AddressCase):
    def test_forwarded_for(self) -> None:
        """A proxy's word is taken."""
        self.assertEqual("192.0.2.1", self.address("10.0.0.1", b"192.0.2.1"))

    def test_forged(self) -> None:
        """What the client wrote before the proxy did is not."""
        self.assertEqual("192.0.2.1", self.address("10.0.0.1", b"127.0.0.1, 198.51.100.7, 192.0.2.1"))
        self.assertEqual("192.0.2.1", self.address("10.0.0.1", b"127.0.0.1", b"192.0.2.1"))

    def test_chain(self) -> None:
        """Proxies behind proxies are passed over."""
        self.assertEqual("192.0.2.1", self.address("10.0.0.1", b"8.8.8.8, 192.0.2.1, 10.0.0.9, 10.0.0.8"))

    def test_not_exempt(self) -> None:
        """Nobody becomes exempt by way of a proxy."""
        self.assertEqual("127.0.0.1", self.address("10.0.0.1", b"127.0.0.1"))
        self.assertEqual("127.0.0.1", self.address("127.0.0.1", proxies=LOOPBACK))

    def test_garbage(self) -> None:
        """What is no address ends the search at the nearest hop that is one."""
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
        """Whoever reaches a Unix socket is a proxy."""
        addresses = ClientAddresses((), "X-Forwarded-For", LOOPBACK)

        self.assertEqual("192.0.2.1", addresses.of(UNIXAddress(b"/run/justchat"), [b"192.0.2.1"]))
