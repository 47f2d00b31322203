"""How the tests are dealt to processes."""

import subprocess
import sys
from pathlib import Path
from unittest import TestCase, TestSuite

from twisted.trial.unittest import SynchronousTestCase

from tests.support.dealing import Dealing
from tests.support.docs import PROJECT


def a_test(module: str) -> TestCase:
    """A test of a class of this module."""
    return type("Tests", (SynchronousTestCase,), {"__module__": module, "runTest": lambda self: None})()


class Dealt(SynchronousTestCase):
    def dealt(self, *modules: str) -> list[tuple[str, int]]:
        """The parts of a suite of tests of these modules, and how many tests each has."""
        suite = TestSuite([TestSuite([a_test(module)]) for module in modules])
        return [(part.name, len(part.cases)) for part in Dealing(suite)]

    def test_module(self) -> None:
        """The tests of a module stay together, wherever they stand, and modules keep their order."""
        modules = self.dealt("tests.store.test_b", "tests.store.test_a", "tests.store.test_b")

        self.assertEqual([("tests.store.test_b", 2), ("tests.store.test_a", 1)], modules)

    def test_attacks(self) -> None:
        """Attacks are one part, for they would disturb one another's measurements."""
        self.assertEqual([("tests.attacks", 2)], self.dealt("tests.attacks.test_a", "tests.attacks.test_b"))

    def test_longest(self) -> None:
        """What takes longest begins first."""
        parts = self.dealt("tests.actions.test_a", "tests.end_to_end.test_a", "tests.attacks.test_a")

        self.assertEqual(
            ["tests.attacks", "tests.end_to_end.test_a", "tests.actions.test_a"], [name for name, _ in parts]
        )


class Run(SynchronousTestCase):
    def test_run(self) -> None:
        """Each test runs once; a module that cannot be imported fails; the end says what took longest."""
        targets = ["tests.model.test_room", "tests.model.test_nowhere"]
        command = [sys.executable, "-m", "tests", "-j2", f"--temp-directory={Path(self.mktemp()).absolute()}", *targets]

        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"FAILED \(errors=1, successes=\d+\)")
        self.assertIn("tests.model.test_nowhere does not exist", done.stdout)
        self.assertRegex(done.stdout, r"\d s  tests\.model\.test_room")
