"""The layout of the tests: they mirror the package, and share through ``tests/support/`` alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.docs import PROJECT

TESTS = PROJECT / "tests"
OUTSIDE = {
    "clients": "the client libraries of clients/",
    "attacks": "attacks on a whole daemon, and their programs",
    "end_to_end": "a whole daemon, as operators and clients use it",
    "etc": "the samples in etc/",
    "faults": "fault runs of a whole daemon",
    "generated": "clients that tools make of the OpenAPI document",
    "support": "what tests share",
}
"""Folders that mirror no folder of the package, and what they are for."""
SCRIPTS = {"audit.py", "first_hour.py", "readme_picture.py", "wheel.py"}
"""Programs of the Makefile."""


def imported(file: Path) -> Iterator[str]:
    """The modules of ``tests`` that a file imports; for ``from a import b`` both ``a`` and ``a.b``."""
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name.split(".")[0] == "tests")


class Layout(SynchronousTestCase):
    def setUp(self) -> None:
        self.files = [file.relative_to(TESTS) for file in TESTS.rglob("*.py") if "node_modules" not in file.parts]

    def test_imports(self) -> None:
        """A test imports from ``tests.support`` alone."""
        wrong = [
            (str(file), name)
            for file in self.files
            for name in imported(TESTS / file)
            if name not in ("tests", "tests.support") and not name.startswith("tests.support.")
        ]

        self.assertEqual([], wrong)

    def test_support(self) -> None:
        """``tests/support/`` has no tests, and no other folder has anything else; programs are named."""
        tests = [file for file in self.files if file.name.startswith("test_")]
        others = [file for file in self.files if file.parts[0] != "support" and file not in tests]

        self.assertEqual([], [str(file) for file in tests if file.parts[0] == "support"])
        self.assertEqual(
            {"attacks/by_document.py", "attacks/fuzz_frames.py", "generated/walk_python.py", *SCRIPTS},
            {str(file) for file in others if file.name not in ("__init__.py", "__main__.py")},
        )

    def test_folders(self) -> None:
        """Every other folder of tests has the name of one of the package's."""
        folders = {file.parent for file in self.files if file.parts[0] not in OUTSIDE} - {Path()}

        missing = sorted(str(folder) for folder in folders if not (PROJECT / "justchat" / folder).is_dir())

        self.assertEqual([], missing)
        self.assertEqual([], [name for name in OUTSIDE if not (TESTS / name).is_dir()])
