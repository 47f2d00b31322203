"""docs/payments.rst: the daemon accepts the signatures that its examples make."""

import hmac
import re
import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest, TestCase

PAGE = (Path(__file__).parents[2] / "docs" / "payments.rst").read_text()
ARGUMENTS = ("0123456789abcdef0123456789abcdef", "p-1", 200, "6b03f8d3a96ca6839fe57600")


def example(language: str) -> str:
    """The page's example in a language."""
    found = re.search(rf"code-block:: {language}\n\n((?:   .*\n|\n)+)", PAGE)
    assert found is not None
    return re.sub("(?m)^   ", "", found[1])


class Examples(TestCase):
    def setUp(self) -> None:
        key, payment_id, balance, user = ARGUMENTS
        self.signed = hmac.new(str(key).encode(), f"{payment_id}:{balance}:{user}".encode(), "sha256").hexdigest()

    def test_example(self) -> None:
        """The page shows the right signature of its own example."""
        for value in (*ARGUMENTS, self.signed):
            self.assertIn(str(value), PAGE)

    def test_python(self) -> None:
        """The example in Python makes it."""
        names: dict[str, object] = {}
        exec(example("python"), names)

        self.assertEqual(self.signed, names["sign"](*ARGUMENTS))  # type: ignore[operator]

    def test_javascript(self) -> None:
        """The example in JavaScript makes it."""
        node = shutil.which("node")
        if node is None:
            raise SkipTest("no node")
        program = f"{example('javascript')}\nprocess.stdout.write(sign(...{list(ARGUMENTS)}));"

        done = subprocess.run([node, "-e", program], capture_output=True, text=True, check=True)

        self.assertEqual(self.signed, done.stdout)
