"""Undocumented names of other packages that JustChat uses.

Speed rests on some private names, and on public ones that no page describes. Each stands in ``BORROWED`` with its
parameters and the reason; ``setup.py`` bounds the releases of their packages above. An upgrade that changes one fails
here first.
"""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

import justchat
from tests.support.docs import PROJECT

PACKAGES = {"PIL": "pillow"}
"""Distributions that are not called as their module is."""
OURS = Path(justchat.__file__).parent
DOCUMENTED = {"_asdict", "_current_frames", "_exit"}
"""Names of Python's own library that begin so, and are in its documentation."""


@frozen
class Borrowed:
    """A name of another package: its owner as ``module:class`` (or ``module``), its parameters, and why it is used."""

    owner: str
    name: str
    parameters: str | None
    """Of a function, without ``self``; None is an attribute."""
    why: str

    @property
    def package(self) -> str:
        module = self.owner.split(".")[0].split(":")[0]
        return PACKAGES.get(module, module)


CHANNEL = "twisted.web.http:HTTPChannel"
DESCRIPTOR = "twisted.internet.abstract:FileDescriptor"
EPOLL = "twisted.internet.epollreactor:EPollReactor"
SOCKET = "autobahn.websocket.protocol:WebSocketServerProtocol"
POOL = "txmongo.connection:ConnectionPool"

BORROWED = [
    # http/site_channel.py: what HTTPChannel leaves open of RFC 9112
    Borrowed(CHANNEL, "_command", None, "whether the request's first line has come, and its method"),
    Borrowed(CHANNEL, "_path", None, "the target is judged before a byte of the body is kept"),
    Borrowed(CHANNEL, "_version", None, "HTTP/1.0 has no chunks, no Host and no Expect"),
    Borrowed(CHANNEL, "_dataBuffer", None, "the bytes after a request go to the next protocol of the connection"),
    Borrowed("twisted.protocols.basic:LineReceiver", "_buffer", None, "the same, of a line that has begun"),
    Borrowed(CHANNEL, "_handlingRequest", None, "the next request is read one reactor turn later"),
    Borrowed(CHANNEL, "_networkProducer", None, "nothing is read while a client does not take its answers"),
    Borrowed(CHANNEL, "_optimisticEagerReadSize", None, "reading goes on only while little is buffered"),
    Borrowed(CHANNEL, "_receivedHeaderCount", None, "too many fields are answered 431, not by a closed connection"),
    Borrowed(CHANNEL, "_receivedHeaderSize", None, "too long a head is answered 431, not by a closed connection"),
    Borrowed(CHANNEL, "_savedTimeOut", None, "the idle timeout starts anew with the next request"),
    Borrowed(CHANNEL, "_waitingForTransport", None, "whether the client takes its answers"),
    Borrowed(CHANNEL, "_transferDecoder", None, "the state of a chunked body"),
    Borrowed(CHANNEL, "_send100Continue", "", "a body is asked for once its head has been judged"),
    Borrowed(CHANNEL, "_failChooseTransferDecoder", "", "a transfer coding that is not chunked is refused"),
    Borrowed(CHANNEL, "_maybeChooseTransferDecoder", "header, data", "the same: Twisted takes identity, too"),
    Borrowed(CHANNEL, "_respondToBadRequestAndDisconnect", "", "a 400 has a body and closes without a reset"),
    Borrowed(CHANNEL, "checkPersistence", "request, version", "Twisted's reads the first Connection field alone"),
    # http/site_request.py
    Borrowed("twisted.web.http", "_MalformedChunkedDataError", None, "a body in crumbs is read no further"),
    # limits/connections.py
    Borrowed("twisted.protocols.haproxy._wrapper", "HAProxyProtocolWrapper", "factory, wrappedProtocol",
             "a connection whose PROXY line has not come has no client address yet"),
    # runtime/tcp.py: one send for the writes of a reactor turn, one epoll for all reads
    Borrowed(DESCRIPTOR, "_tempDataBuffer", None, "writes of a turn are joined and sent without asking epoll first"),
    Borrowed(DESCRIPTOR, "_tempDataLen", None, "their size, for the producer's pause"),
    Borrowed(DESCRIPTOR, "_writeDisconnected", None, "nothing is written after the end of sending"),
    Borrowed(DESCRIPTOR, "_writeDisconnecting", None, "a half-close waits for what is written"),
    Borrowed(DESCRIPTOR, "dataBuffer", None, "what the kernel did not take waits for epoll"),
    Borrowed(DESCRIPTOR, "offset", None, "how much of it the kernel took"),
    Borrowed(DESCRIPTOR, "_maybePauseProducer", "", "a producer is paused where Twisted pauses it"),
    Borrowed(EPOLL, "_disconnectSelectable", "selectable, why, isRead, faildict",
             "a connection that we read or write ends as one that the reactor does"),
    Borrowed("twisted.internet.tcp:Port", "numberAccepts", None, "a port accepts a few connections a turn"),
    # runtime/shared_ports.py, http/passing.py: sockets that other processes use, too
    Borrowed("twisted.internet.tcp:Port", "_fromListeningDescriptor", "reactor, fd, addressFamily, factory",
             "a worker listens on a socket that its parent has bound"),
    Borrowed("twisted.internet.unix:Port", "_fromListeningDescriptor", "reactor, fd, factory", "the same"),
    Borrowed("twisted.internet.tcp:Port", "_preexistingSocket", None, "a worker leaves the file of a socket alone"),
    Borrowed("twisted.internet.tcp:_SocketCloser", "_shouldShutdown", None,
             "a shared socket, or a connection that was passed on, is closed in this process alone"),
    # runtime/stall_detector.py
    Borrowed(EPOLL, "_poller", None, "a reactor turn lasts from one poll to the next"),
    # http/fast_lane/channel.py
    Borrowed("twisted.protocols.tls:TLSMemoryBIOProtocol", "wrappedProtocol", None,
             "a TLS connection changes between the fast lane and the site"),
    # realtime/websocket_base.py: little memory for idle sockets, and close codes that reach their client
    Borrowed(SOCKET, "CONFIG_ATTRS", None, "options are held by the class: a connection opens faster and is lighter"),
    Borrowed(SOCKET, "_fail_connection", "code, reason", "a broken frame is answered by a close frame, then a close"),
    Borrowed(SOCKET, "consumeData", "", "nothing is read after that"),
    Borrowed(SOCKET, "failedByMe", None, "whether that has begun"),
    Borrowed(SOCKET, "sendData", "data, sync, chopsize", "a refused handshake has the body of every error"),
    Borrowed(SOCKET, "sendHttpErrorResponse", "code, reason, responseHeaders", "the same"),
    Borrowed(SOCKET, "sendCloseFrame", "code, reasonUtf8, isReply", "sendClose() refuses 1001"),
    Borrowed(SOCKET, "trafficStats", None, "one count for all connections instead of one each"),
    Borrowed(SOCKET, "http_request_data", None, "the handshake's bytes are freed once it is over"),
    Borrowed(SOCKET, "http_response_data", None, "the same"),
    Borrowed(SOCKET, "http_headers", None, "the same"),
    Borrowed(SOCKET, "is_open", None, "a Deferred that leads back to the connection is dropped with it"),
    Borrowed(SOCKET, "is_closed", None, "the same"),
    # store/mongo/: Unix sockets, and commands without sessions
    Borrowed(POOL, "_ConnectionPool__tcp_or_ssl_connect", "host, port, factory, **kwargs",
             "the embedded database listens on a Unix socket alone"),
    Borrowed(POOL, "_ConnectionPool__discovery_nodes_to_ping", "", "a Unix socket's peer is not pinged"),
    Borrowed(POOL, "getprotocol", "", "a command is sent as one OP_MSG, in half the time of txmongo's own way"),
    Borrowed("txmongo.protocol:MongoProtocol", "send_msg", "msg, codec_options, session, *, check, allowable_errors",
             "the same"),
    Borrowed("txmongo.protocol", "Msg", "request_id, response_to, body, flag_bits, payload", "the same"),
    # txmongo 26.0 imports it of pymongo, and bounds nothing
    Borrowed("pymongo.uri_parser", "parse_uri", None, "the nodes, options and credentials of a URI"),
    # workers/codecs/
    Borrowed("PIL.ImageFile", "_save", "im, fp, tile, bufsize", "a GIF's frame is written with its own colour numbers"),
    Borrowed("PIL.ImageFile", "_Tile", "codec_name, extents, offset, args", "the same"),
    Borrowed("PIL.WebPImagePlugin:WebPImageFile", "_decoder", None, "it holds two more copies of a picture"),
]  # fmt: skip


def owner_of(borrowed: Borrowed) -> Any:
    module, _, name = borrowed.owner.partition(":")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found


def parameters_of(function: Any) -> str:
    """The names of a function's parameters, without ``self``."""
    names: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in names:
            names.append("*")
        names.append(
            {parameter.VAR_KEYWORD: "**", parameter.VAR_POSITIONAL: "*"}.get(parameter.kind, "") + parameter.name
        )
    return ", ".join(names).removeprefix("self").removeprefix(", ")


@cache
def source_of(kind: type) -> str:
    return inspect.getsource(kind)


def sets(kind: type, name: str) -> bool:
    """Whether a class, or one above it, has this attribute, or gives it to its instances."""
    return hasattr(kind, name) or any(
        re.search(rf"\bself\.{name}\b", source_of(each)) for each in kind.__mro__ if each.__module__ != "builtins"
    )


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


@cache
def trees() -> list[list[ast.AST]]:
    """The nodes of each of our modules."""
    return [list(ast.walk(ast.parse(file.read_text()))) for file in OURS.rglob("*.py")]


def defined() -> set[str]:
    """The private names that are defined anywhere in justchat/."""
    found = set()
    for node in chain(*trees()):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
                found.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):  # __slots__
            found.add(node.value)
    return found


def used() -> Iterator[str]:
    """The private names that justchat/ uses: attributes, imports, and parts of modules' names."""
    for node in chain(*trees()):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
            yield from (part for part in (node.module or "").split("."))


def of_imports() -> Iterator[str]:
    """The private names that justchat/ uses of what it imports, also where it has the same name itself."""
    for nodes in trees():
        imports = (node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))
        foreign = {
            alias.asname or alias.name
            for node in imports
            if isinstance(node, ast.Import) or not (node.module or "").startswith("justchat")
            for alias in node.names
        }
        yield from (
            node.attr
            for node in nodes
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in foreign
        )


def overridden() -> Iterator[tuple[str, str]]:
    """(class, name) of the private names by which our classes meet those of their foreign bases."""
    for module in pkgutil.walk_packages(justchat.__path__, "justchat."):
        imported = importlib.import_module(module.name)
        for _, kind in inspect.getmembers(imported, inspect.isclass):
            bases = [
                base for base in kind.__mro__ if base.__module__.split(".")[0] in ("twisted", "autobahn", "txmongo")
            ]
            if kind.__module__ == module.name and bases:
                names = {*re.findall(r"\b(?:self|super\(\))\.(_\w+)", inspect.getsource(kind)), *vars(kind)}
                for base in bases:
                    source = source_of(base)
                    yield from (
                        (kind.__name__, name)
                        for name in filter(private, names)
                        if name in vars(base) or re.search(rf"\bself\.{name}\b", source)
                    )


class BorrowedNames(SynchronousTestCase):
    def setUp(self) -> None:
        self.listed = {borrowed.name for borrowed in BORROWED}

    def test_as_they_were(self) -> None:
        """Each exists, with the expected parameters."""
        for borrowed in BORROWED:
            owner = owner_of(borrowed)
            if borrowed.parameters is not None:
                found = parameters_of(getattr(owner, borrowed.name))
                self.assertEqual(borrowed.parameters, found, f"{borrowed.owner}.{borrowed.name}")
            elif inspect.isclass(owner):
                self.assertTrue(sets(owner, borrowed.name), f"{borrowed.owner}.{borrowed.name}")
            else:
                self.assertTrue(hasattr(owner, borrowed.name), f"{borrowed.owner}.{borrowed.name}")

    def test_listed(self) -> None:
        """No other private name of another package is used."""
        ours = defined()

        foreign = {name for name in used() if private(name) and name not in ours} - {"_wrapper"}
        foreign = (foreign | {name for name in of_imports() if private(name)}) - DOCUMENTED
        met = {name for _, name in overridden()}

        self.assertEqual(set(), (foreign | met) - self.listed)

    def test_used(self) -> None:
        """Each that is listed is used."""
        text = "\n".join(file.read_text() for file in OURS.rglob("*.py"))

        self.assertEqual([], [name for name in sorted(self.listed) if not re.search(rf"\b{name}\b", text)])

    def test_bounded(self) -> None:
        """``setup.py`` bounds the releases of each package above."""
        setup = (PROJECT / "setup.py").read_text()

        for package in sorted({borrowed.package for borrowed in BORROWED}):
            self.assertRegex(setup, rf'"{package}(\[\w+\])?>=[\d.]+,<[\d.]+"')
