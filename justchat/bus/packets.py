"""What goes over the bus: channels ``jc:<database>:<stream>``, and payloads of a version, a kind and a body.

Daemons of different releases meet on it, and so may foreign programs. Whatever is not known is ignored.
"""

from justchat.interfaces.bus import PacketKind
from justchat.model.ids import Id

VERSION = 1
"""The first byte of a payload. The second is its PacketKind; the rest is the body."""
HEADS = {kind: bytes((VERSION, kind)) for kind in PacketKind}
"""The first two bytes of a payload, by kind."""
KINDS = {head: kind for kind, head in HEADS.items()}


class Channels:
    """The channels of one database, whose name is in each."""

    def __init__(self, database: str) -> None:
        self.prefix = f"jc:{database}:".encode()
        self._length = len(self.prefix)

    def of(self, stream: Id) -> bytes:
        """The channel of a stream."""
        return self.prefix + stream.encode()

    def stream_of(self, channel: bytes) -> Id | None:
        """The stream of a channel; None if it is not one of ours."""
        if not channel.startswith(self.prefix):
            return None
        return Id(channel[self._length :].decode("utf-8", "replace"))
