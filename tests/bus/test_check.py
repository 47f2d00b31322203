"""The check of the bus before a start, against real servers that refuse it."""

import shutil
import socket
import threading
from pathlib import Path
from tempfile import mkdtemp

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from justchat.bus import check
from justchat.bus.check import BusAway, check_bus
from justchat.bus.server import BusServer
from justchat.bus.uri import parse_uris
from justchat.errors import StartupError
from tests.support.bus_case import Nobody
from tests.support.certificates import Authority
from tests.support.redis_server import RedisServer


class Checks(TestCase):
    def setUp(self) -> None:
        self.folder = Path(mkdtemp(prefix="jc-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def a_server(self, *settings: str, password: str | None = None, certificate: Path | None = None) -> RedisServer:
        server = RedisServer(*settings, password=password, certificate=certificate)
        self.addCleanup(server.end)
        return server

    def refusal(self, *uris: str, ca_file: str | None = None, kind: type[StartupError] = StartupError) -> str:
        with self.assertRaises(StartupError) as caught:
            check_bus(parse_uris(uris), "chat", ca_file)
        self.assertIs(kind, type(caught.exception))
        line = str(caught.exception)
        self.assertNotIn("\n", line)
        self.assertNotIn("hush", line)
        return line

    def test_accepted(self) -> None:
        """Nothing is said of nodes that accept us."""
        plain, locked = self.a_server(), self.a_server(password="hush")

        check_bus(parse_uris([plain.uri(), locked.uri()]), "chat", None)
        check_bus(parse_uris([locked.socket_uri()]), "chat", None)

    async def test_worker(self) -> None:
        """Nor of a worker."""
        server = BusServer(reactor, Nobody())
        server.listen(self.folder / "1.sock")
        self.addCleanup(server.stop)

        await deferToThread(check_bus, parse_uris([f"unix://{self.folder}/1.sock"]), "chat", None)

    def test_password(self) -> None:
        """A wrong password is named as Redis names it; where one is missing, the line says where it belongs."""
        server = self.a_server(password="hush")
        uri = f"redis://127.0.0.1:{server.port}"

        missing = self.refusal(uri)
        self.assertIn(f"[bus] uri: 127.0.0.1:{server.port}: it wants a password", missing)
        self.assertIn(" :password@host", missing)
        self.assertIn("WRONGPASS", self.refusal(uri.replace("//", "//:hush2@")))
        self.assertIn("WRONGPASS", self.refusal(uri.replace("//", "//anna:hush@")))

    def test_second_node(self) -> None:
        """Each node is tried."""
        server, locked = self.a_server(), self.a_server(password="hush")

        self.assertIn(
            f"127.0.0.1:{locked.port}: it wants a password",
            self.refusal(server.uri(), f"redis://127.0.0.1:{locked.port}"),
        )

    def test_rights(self) -> None:
        """A user who may not do what the bus does is refused; one who may do that alone is accepted."""
        rule = "reset on >hush -@all +hello +ping +publish +subscribe +unsubscribe"
        server = self.a_server(f"user anna {rule} &jc:chat:*", f"user boris {rule} &jc:other:*")
        uri = f"redis://{{}}:hush@127.0.0.1:{server.port}"

        check_bus(parse_uris([uri.format("anna")]), "chat", None)
        self.assertIn("NOPERM", self.refusal(uri.format("boris")))

    def test_unreachable(self) -> None:
        """Nodes that are not there are away, and named with their addresses; an unknown name is a wrong URI."""
        with socket.create_server(("127.0.0.1", 0)) as holder:
            port = holder.getsockname()[1]

        both = self.refusal(f"redis://:hush@127.0.0.1:{port}", "unix://:hush@/no/such.sock", kind=BusAway)

        self.assertIn(f"127.0.0.1:{port}: connection refused, ", both)
        self.assertIn("/no/such.sock: no such file", both)
        self.assertIn("nowhere.invalid:6379: ", self.refusal("redis://nowhere.invalid"))

    def test_away_and_wrong(self) -> None:
        """A node that refuses us is what is said, whichever others are away."""
        locked = self.a_server(password="hush")

        self.assertIn("it wants a password", self.refusal("unix:///no/such.sock", f"redis://127.0.0.1:{locked.port}"))

    def test_silent(self) -> None:
        """A server that says nothing is given up, as away."""
        self.patch(check, "PATIENCE", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as holder:
            silent = f"redis://127.0.0.1:{holder.getsockname()[1]}"
            self.assertIn("no answer", self.refusal(silent, kind=BusAway))

    def test_tls(self) -> None:
        """A certificate must be of the authority in ca_file, or of the system's, and of the host."""
        authority, other = Authority(self.folder, "ours"), Authority(self.folder, "another")
        server = self.a_server("bind 127.0.0.1 127.0.0.2", certificate=authority.issue("redis"))

        check_bus(parse_uris([server.uri(), server.uri(host="localhost")]), "chat", str(authority.certificate))
        for line in (
            self.refusal(server.uri()),
            self.refusal(server.uri(), ca_file=str(other.certificate)),
            self.refusal(server.uri(host="127.0.0.2"), ca_file=str(authority.certificate)),
        ):
            self.assertIn("certificate verify failed", line)

    def test_tls_of_one_side(self) -> None:
        """A port that speaks TLS and a URI that does not, and the reverse."""
        plain = self.a_server()
        secure = self.a_server(certificate=Authority(self.folder).issue("redis"))

        self.assertIn("speak TLS (rediss://)", self.refusal(secure.uri(scheme="redis")))
        self.patch(check, "PATIENCE", 0.5)  # it may not answer at all
        self.assertIn("speak TLS", self.refusal(plain.uri(scheme="rediss")))

    def test_authorities(self) -> None:
        """A file of authorities that cannot be read is named."""
        empty = self.folder / "empty.pem"
        empty.write_text("")

        for file in ("/no/such.pem", str(empty)):
            line = self.refusal("rediss://127.0.0.1:1", ca_file=file)
            self.assertTrue(line.startswith(f"[bus] ca_file: {file}: "), line)

    def test_no_socket(self) -> None:
        """A path of something else than a socket is wrong, not away."""
        file = self.folder / "redis.sock"
        file.write_text("")

        for path in (self.folder, file):
            self.assertIn(f"{path}: it is no socket", self.refusal(f"unix://{path}"))

    def test_no_redis(self) -> None:
        """A server of another protocol is recognized."""
        with socket.create_server(("127.0.0.1", 0)) as holder:
            thread = threading.Thread(target=answer, args=(holder, b"HTTP/1.1 400 Bad Request\r\n\r\n"))
            thread.start()
            line = self.refusal(f"redis://127.0.0.1:{holder.getsockname()[1]}")

        self.assertIn("does not speak the protocol of Redis", line)
        thread.join()


def answer(listening: socket.socket, what: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(what)
