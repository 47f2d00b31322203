"""The servers that measures share: each is started on first use and stopped with the stage."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from bench.daemon import Daemon
from bench.generator import run
from bench.mongo import mongod
from bench.node import Node, install
from bench.plans import read_a_little, room
from bench.server import Server
from bench.world import peers_indexes, seed, seed_archive

WARM_UP = 7.0
"""Seconds in which Node compiles what it runs often."""


class Stage:
    """A daemon with the small world and one with the archive, and the peers on the same."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._there: dict[str, Server] = {}
        self._database: str | None = None

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

    def ours(self) -> Daemon:
        found = self._there.get("ours") or self._once("ours", Daemon(seed))
        assert isinstance(found, Daemon)
        return found

    def archive(self) -> Daemon:
        """The daemon with the archive."""
        found = self._there.get("archive") or self._once("archive", Daemon(seed_archive))
        assert isinstance(found, Daemon)
        return found

    def empty(self) -> Daemon:
        found = self._there.get("empty") or self._once("empty", Daemon())
        assert isinstance(found, Daemon)
        return found

    def node(self, name: str) -> Server:
        """A peer, warmed up."""
        return self._there.get(name) or self._once(name, self.fresh_node(name))

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
            folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="jc-bench-")))
            self._database = self._open.enter_context(mongod(folder / "mongo"))
            seed(self._database)
            peers_indexes(self._database)
        return self._database
