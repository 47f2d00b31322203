"""Bytes for the parsers of frames and packets, chosen by what they reach in the code (atheris, the extra ``fuzz``).

``python -m tests.attacks.fuzz_frames -max_total_time=60``; whatever is raised but Malformed ends it.
"""

import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(
    include=["justchat.realtime.session_binding", "justchat.realtime.socketio.packets", "socketio"]
):
    from justchat.realtime.session_binding import asked
    from justchat.realtime.socketio.packets import Malformed, packets_of, said_in
    from justchat.realtime.websocket import init_data


def take(data: bytes) -> None:
    """What a socket does with what it is sent."""
    asked(init_data(data))
    for version in (3, 4):
        with suppress(Malformed):
            for packet in packets_of(data, version):
                with suppress(Malformed):
                    said_in(packet.text)


if __name__ == "__main__":
    atheris.Setup(sys.argv, take)
    atheris.Fuzz()
