"""Public names of the package."""

import ast
from collections import defaultdict
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import justchat

SHARED = {
    "show": "a subcommand of justchat-admin, in a module each: complaints.show, users.show",
}
"""Public names that more than one module defines, and why."""


DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def defined() -> dict[str, list[str]]:
    """The public classes and functions of each module, by name. Imported names are not a module's own."""
    modules = defaultdict(list)
    root = Path(justchat.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, DEFINITIONS) and not node.name.startswith("_"):
                modules[node.name].append(str(path.relative_to(root)))
    return modules


class NamesTests(SynchronousTestCase):
    def test_distinct(self) -> None:
        """No two modules define a public class or function of the same name."""
        clashes = {name: modules for name, modules in defined().items() if len(set(modules)) > 1}

        self.assertEqual({}, {name: modules for name, modules in clashes.items() if name not in SHARED})

    def test_exceptions(self) -> None:
        """Every listed exception is still one."""
        clashes = {name for name, modules in defined().items() if len(set(modules)) > 1}

        self.assertEqual(set(), SHARED.keys() - clashes)
