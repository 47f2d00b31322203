"""The context of a worker, which its parent writes to its stdin as one line of JSON. It contains secrets."""

import os
import socket
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path

import orjson
from attrs import frozen

from justchat.config.settings import Settings

REPORTS = 3
"""The descriptor on which a worker reports: a line READY once it accepts connections, and BEAT every second."""
READY, BEAT = b"ready", b"beat"
SETTINGS = b"settings "
"""Begins the line by which a worker is told of settings that were read anew."""
METRICS = b"metrics"
"""The parent asks for them on stdin; the worker reports them in a line that begins so."""
BEAT_EVERY = 1.0
"""Seconds."""


class Start(Enum):
    """Why a worker is started."""

    FIRST = 1
    """It is the first of all: it prepares the database."""
    JOIN = 2
    """It joins the first."""
    AGAIN = 3
    """The one before it has ended."""


@frozen(kw_only=True)
class WorkerContext:
    """What all workers of one kind are told. The descriptors are numbers of the worker's process."""

    start: Start
    workers: int
    """How many there are. They are numbered from 1."""
    embedded: bool
    """Whether nobody but these workers uses the database."""
    peers: bool
    """Whether they are joined by sockets of their own, which are ``[bus] uri``."""
    ports: Mapping[str, Sequence[int]]
    """By table of the settings, the listening sockets: one for each worker, or one for all."""
    inboxes: Sequence[tuple[int, int]]
    """The ends of each worker's inbox, to read from and to write to."""
    settings: Settings

    def encode(self) -> bytes:
        """The line."""
        settings = self.settings.model_dump_json(warnings=False)
        file = None if self.settings.file is None else str(self.settings.file)
        parts = [self.start.name, self.workers, self.embedded, self.peers, self.ports, self.inboxes, settings, file]
        return orjson.dumps(parts) + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> "WorkerContext":
        """The context of a line."""
        start, workers, embedded, peers, ports, inboxes, settings, file = orjson.loads(line)
        return cls(
            start=Start[start],
            workers=workers,
            embedded=embedded,
            peers=peers,
            ports=ports,
            inboxes=[(reading, writing) for reading, writing in inboxes],
            settings=Settings.model_validate_json(settings).of_file(None if file is None else Path(file)),
        )

    def sockets(self, number: int) -> dict[str, socket.socket]:
        """The listening sockets of a worker, by table of the settings. Those of the others are closed here.

        Else connections to a worker that has stopped would wait in the socket that another one, which still stops, has
        open, although nobody accepts them any more.
        """
        own = {table: ports[number % len(ports)] for table, ports in self.ports.items()}
        for descriptor in {each for ports in self.ports.values() for each in ports} - set(own.values()):
            os.close(descriptor)
        return {table: socket.socket(fileno=descriptor) for table, descriptor in own.items()}

    def inbox(self, number: int) -> socket.socket:
        """The end of a worker's inbox that it reads from."""
        return socket.socket(fileno=self.inboxes[number - 1][0])

    def outboxes(self) -> dict[int, socket.socket]:
        """By number of a worker, the end of its inbox to write to."""
        return {number: socket.socket(fileno=writing) for number, (_, writing) in enumerate(self.inboxes, 1)}
