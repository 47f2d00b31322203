"""Public names of the package."""

import ast
from collections import defaultdict
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import justchat

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
        self.assertEqual({}, {name: modules for name, modules in defined().items() if len(set(modules)) > 1})
