"""Bytes for the parsers of frames and packets, chosen by what they reach in the code (atheris, the extra ``fuzz``).

``python -m tests.attacks.fuzz_frames -max_total_time=60``; whatever is raised but Malformed ends it.
"""

import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["justchat.protocol.init", "justchat.realtime.socketio.packets", "socketio"]):
    from justchat.protocol.init import init_data, parse_init
    from justchat.realtime.socketio.packets import Malformed, parse_payload, parse_socketio_packet


def take(data: bytes) -> None:
    """What a socket does with what it is sent."""
    parse_init(init_data(data))
    for version in (3, 4):
        with suppress(Malformed):
            for packet in parse_payload(data, version):
                with suppress(Malformed):
                    parse_socketio_packet(packet.text)


if __name__ == "__main__":
    atheris.Setup(sys.argv, take)
    atheris.Fuzz()
