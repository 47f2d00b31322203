"""The context of a worker, which its parent writes to its stdin as one line of JSON. It contains secrets."""

import socket
from collections.abc import Mapping
from typing import Any

import orjson
from attrs import asdict, frozen

from justchat.config.settings import Settings

REPORTS = 3
"""The descriptor on which a worker reports: a line READY once it accepts connections, and BEAT every second."""
READY, BEAT = b"ready", b"beat"
BEAT_EVERY = 1.0
"""Seconds."""


@frozen(kw_only=True)
class WorkerContext:
    """The descriptors are numbers of the worker's process."""

    number: int
    """From 1 up."""
    workers: int
    """How many there are."""
    is_first: bool
    """No other worker has started yet: this one prepares the database."""
    reconciles: bool
    """It corrects derived data: the first one at a start, and each that follows one that died."""
    is_alone: bool
    """It is the first one, and nobody else uses the database."""
    ports: Mapping[str, int]
    """By table of the settings, the listening socket."""
    inbox: int
    outboxes: Mapping[int, int]
    """By number of a worker, the end of its inbox to write to."""
    settings: Settings

    def encode(self) -> bytes:
        """The line."""
        fields: dict[str, Any] = asdict(self, filter=lambda field, _: field.name != "settings")
        return (
            orjson.dumps([fields, self.settings.model_dump_json(warnings=False)], option=orjson.OPT_NON_STR_KEYS)
            + b"\n"
        )

    @classmethod
    def decode(cls, line: bytes) -> "WorkerContext":
        """The context of a line."""
        fields, settings = orjson.loads(line)
        fields["outboxes"] = {int(number): outbox for number, outbox in fields["outboxes"].items()}
        return cls(**fields, settings=Settings.model_validate_json(settings))

    def sockets(self) -> dict[str, socket.socket]:
        """The listening sockets, by table of the settings."""
        return {table: socket.socket(fileno=port) for table, port in self.ports.items()}
