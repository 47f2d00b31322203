"""The declarations of metrics: names as Prometheus wants them, and the docs of operators."""

import re

from docutils import nodes
from twisted.trial.unittest import SynchronousTestCase

from justchat.http.declared import all_declared
from justchat.metrics import declarations
from justchat.metrics.declarations import DECLARED
from justchat.metrics.kinds import Counter, Metric
from justchat.model.gift import Reason
from tests.support.docs import PROJECT, parsed


class DeclarationTests(SynchronousTestCase):
    def test_names(self) -> None:
        """Every name has the prefix and then its unit; that of a counter, and of no other, ends with _total."""
        for name, metric in DECLARED.items():
            self.assertRegex(name, r"^justchat_[a-z_]+$")
            stem = name.removesuffix("_total")
            self.assertEqual(isinstance(metric, Counter), stem != name, name)
            self.assertTrue(stem.endswith(metric.unit), name)
            self.assertTrue(all(re.fullmatch("[a-z]+", label) for label in metric.label_names), name)

    def test_one_file(self) -> None:
        """No other file of the package declares a metric, and each one that is declared is counted somewhere."""
        others = [path for path in PROJECT.glob("justchat/**/*.py") if path.parent.name != "metrics"]
        sources = "".join(path.read_text() for path in others)
        constants = {name for name, value in vars(declarations).items() if isinstance(value, Metric)}

        declaring = re.findall(r"\b(?:Counter|Gauge|Histogram)\(\s*\"justchat.*", sources)
        unused = {name for name in constants if not re.search(rf"\b{name}\.(count|observe|set|series|row)\b", sources)}

        self.assertEqual([], declaring)
        self.assertEqual({"COINS_IN", "COINS_OUT"}, unused)  # counted by one name for both

    def test_paths(self) -> None:
        """There is room for every call that is declared."""
        (path, _) = declarations.CALLS.labels

        self.assertLess(len(all_declared()), path.most)

    def test_reasons(self) -> None:
        """Every reason of the ledger is one of the metrics of coins."""
        self.assertEqual(list(Reason), [reason for (reason,) in declarations.COINS_IN.series])

    def test_docs(self) -> None:
        """docs/operating.rst has each with its type, labels and meaning, in this order, and no other."""
        section = next(
            each
            for each in parsed(PROJECT / "docs" / "operating.rst").findall(nodes.section)
            if each.next_node(nodes.title).astext() == "Metrics"
        )
        rows = [
            tuple(entry.astext().replace("\n", " ") for entry in row.findall(nodes.entry))
            for row in section.next_node(nodes.table).findall(nodes.row)
        ]

        self.assertEqual(
            [
                (name, metric.kind, ", ".join(metric.label_names) or "(none)", metric.help)
                for name, metric in DECLARED.items()
            ],
            rows[1:],
        )
