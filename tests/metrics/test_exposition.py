"""The text of a scrape, read by the parsers of prometheus_client."""

from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from twisted.trial.unittest import SynchronousTestCase

from justchat.metrics import declarations as metrics
from justchat.metrics.exposition import SLICE, exposition

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
PATHS = 2 * SLICE + 1


def text(accept: str) -> str:
    row = [1] * (len(metrics.SECONDS) + 1) + [2.5]
    parts, _ = exposition(
        {
            metrics.CALL_SECONDS.name: {(f"/{number}",): row for number in range(PATHS)},
            metrics.SMS.name: {('a "name"\\', "accepted"): 3},
            metrics.COINS_IN.name: {},
        },
        accept,
    )
    return b"".join(parts).decode()


class ExpositionTests(SynchronousTestCase):
    def assert_families(self, families: dict[str, Any]) -> None:
        calls = families["justchat_call_duration_seconds"]
        samples = {(each.name, each.labels["path"], each.labels.get("le")): each.value for each in calls.samples}
        self.assertEqual("histogram", calls.type)
        self.assertEqual(PATHS, sum(each.name.endswith("_count") for each in calls.samples))
        last = f"/{PATHS - 1}"
        self.assertEqual(1, samples["justchat_call_duration_seconds_bucket", last, "0.001"])
        self.assertEqual(len(metrics.SECONDS) + 1, samples["justchat_call_duration_seconds_bucket", last, "+Inf"])
        self.assertEqual(2.5, samples["justchat_call_duration_seconds_sum", last, None])
        (sms,) = [each for each in families["justchat_sms"].samples if each.name == "justchat_sms_total"]
        self.assertEqual({"sender": 'a "name"\\', "outcome": "accepted"}, sms.labels)

    def test_text(self) -> None:
        """Prometheus' own format: each family once, also where it is encoded in parts."""
        written = text("text/plain;version=0.0.4")

        self.assert_families({family.name: family for family in parse_text(written)})
        self.assertEqual(1, written.count("# TYPE justchat_call_duration_seconds "))

    def test_openmetrics(self) -> None:
        """OpenMetrics, with units and its end, for a client that accepts it."""
        written = text(OPENMETRICS)

        self.assert_families({family.name: family for family in parse_openmetrics(written)})
        self.assertIn("# UNIT justchat_call_duration_seconds seconds\n", written)
        self.assertEqual(1, written.count("# EOF\n"))
        self.assertTrue(written.endswith("# EOF\n"))

    def test_content_types(self) -> None:
        """The content type names the format; a client that accepts anything gets Prometheus' own."""
        self.assertStartsWith("text/plain; version=0.0.4", exposition({}, "*/*")[1])
        self.assertStartsWith("application/openmetrics-text; version=1.0.0", exposition({}, OPENMETRICS)[1])

    def assertStartsWith(self, start: str, found: str) -> None:
        self.assertEqual(start, found[: len(start)])
