"""The servers that measures share: each is started on first use and stopped with the stage."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from bench.daemon import METRICS, Daemon
from bench.generator import run
from bench.mongo import mongod
from bench.node import Node, install
from bench.plans import read_a_little, room, spread
from bench.redis import Redis
from bench.server import Server, Together
from bench.world import peers_indexes, seed, seed_archive, seed_large

PROCESSES = 2
"""Workers, and processes of the peer beside them."""
WARM_UP = 7.0
"""Seconds in which Node compiles what it runs often."""


class Stage:
    """A daemon with the small world and one with the archive, and the peers on the same."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._there: dict[str, Server] = {}
        self._database: str | None = None
        self._joined: list[Daemon] = []

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the servers."""
        self._open.close()

    def _once(self, name: str, server: AbstractContextManager[Server]) -> Server:
        self._there[name] = self._open.enter_context(server)
        return self._there[name]

    def _daemon(self, name: str, make: Callable[[], Daemon]) -> Daemon:
        found = self._there.get(name) or self._once(name, make())
        assert isinstance(found, Daemon)
        return found

    def ours(self) -> Daemon:
        return self._daemon("ours", lambda: Daemon(seed))

    def archive(self) -> Daemon:
        """The daemon with the archive."""
        return self._daemon("archive", lambda: Daemon(seed_archive))

    def empty(self) -> Daemon:
        return self._daemon("empty", Daemon)

    def scraped(self) -> Daemon:
        """The daemon with ``[metrics]``."""
        return self._daemon("scraped", lambda: Daemon(seed, settings=METRICS))

    def large(self) -> Daemon:
        """The daemon with a room of ten thousand people."""
        return self._daemon("large", lambda: Daemon(seed_large))

    def one(self) -> Daemon:
        """One daemon on all cores, beside several."""
        return self._daemon("one", lambda: Daemon(seed, pinned=False))

    def workers(self, number: int = PROCESSES) -> Daemon:
        return self._daemon(f"{number} workers", lambda: Daemon(seed, workers=number, pinned=False))

    def redis(self, name: str) -> Redis:
        """A Redis for one purpose."""
        found = self._there.get(name) or self._once(name, Redis(self._folder()))
        assert isinstance(found, Redis)
        return found

    def _folder(self) -> Path:
        return Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="jc-bench-")))

    def joined(self, number: int) -> list[Daemon]:
        """So many daemons on one database, joined by ``redis("bus")``."""
        bus = self.redis("bus").uri
        if not self._joined:
            self._shared_mongo = self._open.enter_context(mongod(self._folder() / "mongo", None))
            seed(self._shared_mongo)
        while len(self._joined) < number:
            daemon = Daemon(mongo=self._shared_mongo, bus=bus, pinned=False)
            self._joined.append(self._open.enter_context(daemon))
        return self._joined[:number]

    def node(self, name: str) -> Server:
        """A peer, warmed up."""
        return self._there.get(name) or self._once(name, self.fresh_node(name))

    def nodes(self) -> Together:
        """Processes of the peer with memory that its Redis adapter joins, warmed up."""
        found = self._there.get("nodes")
        if found is None:
            found = self._once("nodes", self._fresh_nodes())
        assert isinstance(found, Together)
        return found

    @contextmanager
    def _fresh_nodes(self) -> Iterator[Together]:
        install()
        with ExitStack() as stack:
            uri = stack.enter_context(mongod(self._folder() / "mongo", None))
            seed(uri)
            peers_indexes(uri)
            socket = self.redis("adapter").socket
            nodes = [Node("joined", uri, socket, number, PROCESSES) for number in range(PROCESSES)]
            found = Together([stack.enter_context(node) for node in nodes])
            run(found, spread(room(100), found.servers), WARM_UP)
            yield found

    def archivist(self) -> Server:
        """The peer with memory, on the database of the archive's daemon."""
        found = self._there.get("archivist")
        if found is None:
            found = self._once("archivist", Node("memory", self.archive().database()))
            run(found, read_a_little(), WARM_UP)
        return found

    def forget_archivist(self) -> None:
        """Stop using a database that is about to be stopped."""
        found = self._there.pop("archivist", None)
        if isinstance(found, Node):
            found.__exit__()

    @contextmanager
    def fresh_node(self, name: str, *, warm: bool = True) -> Iterator[Server]:
        """A peer in a new process."""
        install()
        with Node(name, self._peers_database()) as node:
            if warm:
                run(node, room(100), WARM_UP)
            yield node

    def _peers_database(self) -> str:
        if self._database is None:
            self._database = self._open.enter_context(mongod(self._folder() / "mongo"))
            seed(self._database)
            peers_indexes(self._database)
        return self._database
