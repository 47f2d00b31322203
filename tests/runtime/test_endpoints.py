"""Endpoint descriptions of the settings, as ``--check-config`` and the start look at them."""

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from justchat.errors import StartupError
from justchat.runtime.endpoints import server_of


class Ports(TestCase):
    def test_out_of_range(self) -> None:
        """A port that is none is found before anything listens, and named with its table."""
        for endpoint in (
            "tcp:65536",
            "tcp:99999999:interface=127.0.0.1",
            "tcp:port=70000",
            "tcp:-5",
            "haproxy:tcp:70000",
        ):
            error = self.assertRaises(StartupError, server_of, "http", endpoint, reactor)
            self.assertIn(f"[http] endpoint: {endpoint!r}", str(error))

    def test_in_range(self) -> None:
        """The first and the last port, and endpoints without one."""
        for endpoint in ("tcp:0", "tcp:65535:interface=127.0.0.1", "tcp6:65535", "unix:/tmp/70000"):
            server_of("http", endpoint, reactor)


class OfSystemd(TestCase):
    def test_not_opened(self) -> None:
        """A socket that systemd has not opened, as for --check-config in a shell, is named, with who has it."""
        for endpoint in ("systemd:domain=INET:index=0", "systemd:domain=INET6:name=http"):
            error = self.assertRaises(StartupError, server_of, "http", endpoint, reactor)
            self.assertIn(f"[http] endpoint: systemd has opened no socket for {endpoint}; ", str(error))
