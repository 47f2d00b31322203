"""Lines of the log, in each format."""

import json
from typing import Any

from twisted.logger import Logger, LogLevel, globalLogPublisher
from twisted.python import log as legacy_log
from twisted.trial.unittest import SynchronousTestCase

from justchat.model.trace_context import TraceContext
from justchat.runtime.logs.call_context import CURRENT_CALL, CallContext
from justchat.runtime.logs.lines import LONGEST, LogLine, journal_line, json_line, level_of, line_of, text_line
from justchat.runtime.logs.redaction import Redactor


class Lines(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.log = Logger(namespace="justchat.test", observer=self.events.append)

    def line(self) -> LogLine:
        """The line of the only event."""
        (event,) = self.events
        return line_of(event, Redactor())

    def test_text(self) -> None:
        """A line for people has one time, the level, and the sentence."""
        self.log.warn("{what} is away", what="the bus")

        self.assertRegex(
            text_line(self.line()),
            r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[justchat\.test#warn\] the bus is away\Z",
        )

    def test_journal(self) -> None:
        """A line for journald begins with its priority and has no time."""
        for level, priority in (("critical", 2), ("error", 3), ("warn", 4), ("info", 6), ("debug", 7)):
            self.events.clear()
            self.log.emit(LogLevel.lookupByName(level), "so it is")

            self.assertRegex(journal_line(self.line()), rf"\A<{priority}>\[justchat\.test\] so it is")

    def test_json(self) -> None:
        """A line for machines is one JSON object."""
        self.log.info("an answer", log_fields={"status": 201})

        document = json.loads(json_line(self.line()))

        self.assertRegex(document.pop("time"), r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")
        self.assertEqual({"level": "info", "logger": "justchat.test", "message": "an answer", "status": 201}, document)

    def test_failure(self) -> None:
        """An exception is one line with an incident's number, its cause, and where it was raised."""
        try:
            try:
                raise KeyError("the first")
            except KeyError as error:
                raise ValueError("the\nsecond") from error
        except ValueError:
            self.log.failure("it failed")

        line = self.line()

        self.assertRegex(
            text_line(line),
            r"it failed: ValueError: the\\nsecond, caused by KeyError: 'the first'; Traceback: \S*test_lines\.py:\d+ in"
            r" test_failure \(incident [0-9a-f]{16}\)\Z",
        )
        document = json.loads(json_line(line))
        self.assertEqual(line.incident, document["incident"])
        self.assertIn("test_failure", document["traceback"][-1])

    def test_unhandled(self) -> None:
        """What Twisted says of a Deferred that failed unheard reads as one sentence."""
        of_twisted = Logger(namespace="twisted.internet.defer", observer=self.events.append)
        try:
            raise ValueError("unheard")
        except ValueError:
            of_twisted.failure("Unhandled error in Deferred:")

        self.assertIn("Unhandled error in Deferred: ValueError: unheard; Traceback:", text_line(self.line()))

    def test_incident_of_answer(self) -> None:
        """The number that a client was told is the line's, once."""
        self.log.error("incident {incident}", incident="0123456789abcdef")

        self.assertEqual(1, text_line(self.line()).count("0123456789abcdef"))
        self.assertEqual("0123456789abcdef", json.loads(json_line(self.line()))["incident"])

    def test_forged(self) -> None:
        """What a client sent cannot begin a line, nor command a terminal, nor keep a line from being written."""
        self.log.info("{x}", x="a\n2026 [justchat#critical] b\x1b[2J\u2028c\ud800" + "x" * 2 * LONGEST)

        for write in (text_line, journal_line, json_line):
            line = write(self.line())
            self.assertNotRegex(line, "[\n\r\x1b\u2028]")
            self.assertLess(len(line.encode()), 2 * LONGEST)

    def test_trace(self) -> None:
        """The trace of the call that is being carried out is in the line."""
        call = CallContext(TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"))
        token = CURRENT_CALL.set(call)
        self.addCleanup(CURRENT_CALL.reset, token)

        self.log.error("it failed")

        document = json.loads(json_line(self.line()))
        self.assertEqual("4bf92f3577b34da6a3ce929d0e0e4736", document["trace_id"])
        self.assertEqual("00f067aa0ba902b7", document["parent_id"])
        self.assertIn("(trace 4bf92f3577b34da6a3ce929d0e0e4736)", text_line(self.line()))

    def test_levels(self) -> None:
        """What Twisted and other libraries tell at info is for developers; their faults are not."""
        of_twisted = Logger(namespace="twisted.internet.base", observer=self.events.append)
        of_twisted.info("Main loop terminated.")
        of_twisted.critical("a fault")
        self.log.info("http listens")

        self.assertEqual(["debug", "critical", "info"], [level_of(event) for event in self.events])

    def test_legacy_sentence(self) -> None:
        """A sentence that a library reports as an error, as of each connection that breaks, alarms nobody."""
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

        legacy_log.err("a connection broke")

        self.assertEqual(["warn"], [level_of(event) for event in self.events if event.get("isError")])

    def test_legacy(self) -> None:
        """A failure of Twisted's older log is one line, too."""
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        try:
            raise ValueError("of old")
        except ValueError:
            legacy_log.err(None, "an older part failed")
        self.flushLoggedErrors(ValueError)

        (line,) = [text_line(line_of(event, Redactor())) for event in self.events if event.get("isError")]
        self.assertRegex(
            line, r"#critical\] an older part failed: ValueError: of old; Traceback: \S+ in test_legacy \("
        )
