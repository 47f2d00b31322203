"""Which addresses a configured URL may lead to."""

from unittest import TestCase

from justchat.model.reach import Reach, literal_address, reach_of

PRIVATE = (
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1", "192.88.99.1"),
    *("198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "fe80::1", "fe80::1%eth0"),
    *("fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
    *("2002:7f00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "3fff::1", "100::1", "4000::1"),
)
PUBLIC = (
    *("1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "198.17.255.255", "223.255.255.254"),
    *("2606:4700:4700::1111", "2a00:1450:4001::1", "2400:cb00::1", "::ffff:8.8.8.8", "64:ff9b::808:808"),
)


class Reaches(TestCase):
    def test_public(self) -> None:
        for address in PRIVATE:
            self.assertFalse(Reach.PUBLIC.includes(address), address)
        for address in PUBLIC:
            self.assertTrue(Reach.PUBLIC.includes(address), address)

    def test_loopback(self) -> None:
        for address in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
            self.assertTrue(Reach.LOOPBACK.includes(address), address)
        for address in ("10.0.0.1", "169.254.169.254", "0.0.0.0", "::", "8.8.8.8", "::ffff:10.0.0.1"):
            self.assertFalse(Reach.LOOPBACK.includes(address), address)

    def test_any(self) -> None:
        for address in (*PRIVATE, *PUBLIC):
            self.assertTrue(Reach.ANY.includes(address), address)

    def test_no_address(self) -> None:
        self.assertFalse(Reach.PUBLIC.includes("example.org"))


class Urls(TestCase):
    def test_notations(self) -> None:
        """Each notation of an address that resolvers accept is recognised."""
        for host in ("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.1."):
            self.assertEqual("127.0.0.1", literal_address(host), host)
        for host in ("localhost", "LOCALHOST", "localhost.", "a.localhost"):
            self.assertEqual("127.0.0.1", literal_address(host), host)
        for host in ("example.org", "127.0.0.1.example.org", "1.2.3.4.5", "-"):
            self.assertIsNone(literal_address(host), host)

    def test_private(self) -> None:
        """A URL that names a private address is refused, unless private networks are allowed."""
        hosts = ["127.1", "2130706433", "0x7f000001", "localhost", "[::1]", "[::ffff:10.0.0.1]", "10.0.0.1"]
        hosts += ["169.254.169.254", "[fd00:ec2::254]", "[64:ff9b::7f00:1]"]
        for host in hosts:
            url = f"https://{host}:8443/hook"
            with self.assertRaisesRegex(ValueError, "private network", msg=host):
                reach_of(url, allow_private=False)
            self.assertIs(Reach.ANY, reach_of(url, allow_private=True))

    def test_own_machine(self) -> None:
        """Where this machine itself is trusted, a URL that names it leads to it alone."""
        for host in ("127.0.0.1", "127.1", "localhost", "[::1]"):
            self.assertIs(Reach.LOOPBACK, reach_of(f"http://{host}/", allow_private=False, trust_own_machine=True))
        for host in ("10.0.0.1", "169.254.169.254", "0.0.0.0", "[fe80::1]"):
            with self.assertRaises(ValueError, msg=host):
                reach_of(f"http://{host}/", allow_private=False, trust_own_machine=True)
        self.assertIs(Reach.PUBLIC, reach_of("http://example.org/", allow_private=False, trust_own_machine=True))

    def test_public(self) -> None:
        for url in ("https://example.org/a?b=c", "http://8.8.8.8:80/", "https://[2606:4700::1]/"):
            self.assertIs(Reach.PUBLIC, reach_of(url, allow_private=False))

    def test_malformed(self) -> None:
        urls = ["ftp://example.org/", "file:///etc/passwd", "example.org", "", "http://", "http:///a", "http://a:b@c/"]
        urls += ["http://a@127.0.0.1/", "http://example.org:99999/", "http://example.org:0/", "http://example.org/ a"]
        urls += [
            "http://example.org/\r\nX: y",
            "http://exa\\mple.org/",
            "http://пример.рф/",
            "http://a/#b",
            "http://[::1/",
        ]
        for url in urls:
            for allow in (False, True):
                with self.assertRaises(ValueError, msg=url):
                    reach_of(url, allow_private=allow)
