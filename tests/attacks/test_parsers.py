"""Random bytes to the parsers of frames and packets are parsed or refused, and never raise anything else."""

import os

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from justchat.protocol.init import init_data, parse_init
from justchat.realtime.socketio.packets import (
    MOST_PACKETS,
    Malformed,
    jsonp_payload,
    parse_payload,
    parse_socketio_packet,
)

MANY = settings(
    max_examples=10 * int(os.environ.get("JUSTCHAT_BODIES", "30")), deadline=None, database=None, print_blob=True
)
NEARLY_JSON = st.text(st.sampled_from('{}[]",:0123456789eE+-. \\\x00\ud800truefalsn'), max_size=60)
FRAMES = (
    st.binary(max_size=200)
    | NEARLY_JSON.map(lambda text: text.encode("utf-8", "surrogatepass"))
    | NEARLY_JSON.map(lambda text: b'{"event": "init", "data": %s}' % text.encode("utf-8", "surrogatepass"))
)
FRAMED = st.lists(st.tuples(st.booleans(), st.binary(max_size=9), st.integers(-1, 2))).map(
    lambda packets: b"".join(
        bytes([binary, max(0, len(packet) + off) % 10, 255]) + packet for binary, packet, off in packets
    )
)
PACKETS = (
    FRAMED
    | st.binary(max_size=200)
    | st.text(st.sampled_from('0123456:,-/\x1e[]{}"abé\U0001f600'), max_size=60).map(str.encode)
)


class Parsers(SynchronousTestCase):
    @MANY
    @given(FRAMES)
    def test_frames(self, payload: bytes) -> None:
        """A frame of the raw socket is an init or none."""
        data = init_data(payload)

        found = parse_init(data)

        if found is not None:
            self.assertIsInstance(found.session_key, str)
            for number in (found.position.n, found.position.seq):
                self.assertTrue(number is None or 0 <= number < 2**53)

    @MANY
    @given(PACKETS, st.sampled_from([3, 4]))
    def test_packets(self, payload: bytes, version: int) -> None:
        """A payload of Socket.IO is packets of known types, few of them, or malformed."""
        try:
            packets = parse_payload(payload, version)
            jsonp_payload(payload)
        except Malformed:
            return

        self.assertLessEqual(len(packets), MOST_PACKETS)
        for packet in packets:
            self.assertIn(packet.type, range(7))
            try:
                said = parse_socketio_packet(packet.text)
            except Malformed:
                continue
            self.assertIn(said.type, range(3))
