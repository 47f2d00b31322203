"""W3C Trace Context: the header ``traceparent``."""

from twisted.trial.unittest import SynchronousTestCase

from justchat.model.trace_context import TraceContext, parse_traceparent

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Traceparent(SynchronousTestCase):
    def test_valid(self) -> None:
        """Version 00, and a later version that appends a field."""
        for written in (f"00-{TRACE}-{PARENT}-01", f" 00-{TRACE}-{PARENT}-00 ", f"cc-{TRACE}-{PARENT}-01-what-follows"):
            self.assertEqual(TraceContext(TRACE, PARENT), parse_traceparent(written), written)

    def test_invalid(self) -> None:
        """A malformed header is ignored, as the specification asks."""
        wrong = [
            "",
            f"ff-{TRACE}-{PARENT}-01",
            f"00-{TRACE}-{PARENT}-01-more",
            f"00-{TRACE}-{PARENT}",
            f"00-{TRACE.upper()}-{PARENT}-01",
            f"00-{'0' * 32}-{PARENT}-01",
            f"00-{TRACE}-{'0' * 16}-01",
            f"00-{TRACE}-{PARENT}-01\n00-{TRACE}-{PARENT}-01",
            f"cc-{TRACE}-{PARENT}-01-" + "x" * 300,
        ]

        self.assertEqual([], [written for written in wrong if parse_traceparent(written) is not None])
