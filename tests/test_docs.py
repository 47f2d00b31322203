"""The documentation agrees with the code."""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from docutils import nodes
from pydantic import BaseModel
from twisted.trial.unittest import TestCase

import justchat
from justchat import errors
from justchat.config.settings import Settings
from justchat.errors import ApiError
from justchat.http.declared import all_declared
from justchat.model.entry import SILENT, Kind
from justchat.protocol.close_codes import CloseCode
from justchat.store import bson, bson_users
from justchat.store.indexes import GRIDFS_INDEXES, INDEXES
from justchat.store.personal_data import BELONGINGS
from justchat.tap import Options
from tests.support.docs import PROJECT, complaints, parsed

PROTOCOL = PROJECT / "docs" / "protocol.rst"
OF_SPHINX = {PROJECT / "docs" / f"{name}.rst" for name in ("index", "changes", "contributing")}
"""They only put others in order, by directives of Sphinx; ``make docs`` reads them."""
PAGES = sorted({*PROJECT.glob("*.rst"), *PROJECT.glob("docs/*.rst")} - OF_SPHINX)


@cache
def sections(page: Path) -> dict[str, str]:
    """The text of a page's sections by their titles, without what comes under "Not built yet"."""
    document = parsed(page).deepcopy()
    for section in list(document.findall(nodes.section)):
        if title(section) == "Not built yet":
            section.parent.remove(section)
    return {title(section): section.astext() for section in document.findall(nodes.section)}


def title(section: nodes.section) -> str:
    return section.next_node(nodes.title).astext()


@cache
def literals(page: Path) -> set[str]:
    """What a page has in ``double backquotes``, in whole and by its words."""
    found = {literal.astext() for literal in parsed(page).findall(nodes.literal)}
    return found | {word for text in found for word in re.findall(r"[\w.]+", text)}


def has_word(word: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def fields_of(body: type[BaseModel]) -> Iterator[str]:
    """The names of a body's fields, and of those inside them."""
    for name, field in getattr(body, "model_fields", {}).items():
        yield field.alias or name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields_of(field.annotation)


def api_errors() -> list[type[ApiError]]:
    return [
        error
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, ApiError) and error is not ApiError
    ]


class CloseCodeTests(TestCase):
    """The table of close codes."""

    def test_table(self) -> None:
        """It has every code with which a socket is closed, and no other; of each, why, and what a client does then."""
        (section,) = (s for s in parsed(PROTOCOL).findall(nodes.section) if title(s) == "Close codes")
        table = next(iter(section.findall(nodes.table)))
        rows = [[entry.astext() for entry in row.findall(nodes.entry)] for row in table.findall(nodes.row)][1:]

        self.assertEqual([str(int(code)) for code in CloseCode], [code for code, _, _ in rows])
        for code, why, then in rows:
            self.assertTrue(why.endswith(".") and then.endswith("."), code)

    def test_one_list(self) -> None:
        """No other file of the package names such a code by its number."""
        codes = set(map(int, CloseCode)) - {1000}  # a round number of many things
        named = {
            (path.name, node.value)
            for path in PROJECT.glob("justchat/**/*.py")
            if path.name != "close_codes.py"
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and type(node.value) is int and node.value in codes
        }

        self.assertEqual(set(), named)


class PageTests(TestCase):
    """All of the documentation's pages."""

    def test_valid(self) -> None:
        """Every page is reStructuredText without a warning of docutils."""
        self.assertEqual("", "".join(complaints(page) for page in PAGES))

    def test_mentioned_files(self) -> None:
        """Every file of the project that a page names by its path is there."""
        named = {
            (page.name, path)
            for page in PAGES
            for path in literals(page)
            if re.fullmatch(r"(docs|etc|tests|justchat|\.ci)/[\w./]+", path) and "/calls/" not in path
        }

        missing = sorted((page, path) for page, path in named if not (PROJECT / path).exists())

        self.assertEqual(missing, [])


class ProtocolTests(TestCase):
    """``docs/protocol.rst``."""

    page = PROJECT / "docs" / "protocol.rst"

    def test_calls(self) -> None:
        """Every call that is declared has a section of its own."""
        paths = {endpoint.path for endpoint in all_declared()}

        missing = paths - sections(self.page).keys()

        self.assertEqual(missing, set())

    def test_no_other_calls(self) -> None:
        """Every call that has a section before "Not built yet" is declared."""
        paths = {endpoint.path for endpoint in all_declared()}

        described = {title for title in sections(self.page) if title.startswith("/")}

        self.assertEqual(described - paths, set())

    def test_errors_of_calls(self) -> None:
        """A call's section has the status and code of every error that the call declares."""
        described = sections(self.page)

        missing = [
            (endpoint.path, error.status, error.code)
            for endpoint in all_declared()
            for error in endpoint.raises
            if not re.search(rf"\b{error.status}\s+{error.code}(?![\w-])", described.get(endpoint.path, ""))
        ]

        self.assertEqual(missing, [])

    def test_statuses_of_calls(self) -> None:
        """A call's section has every status of its success."""
        described = sections(self.page)

        missing = [
            (endpoint.path, status)
            for endpoint in all_declared()
            for status in endpoint.statuses
            if not has_word(str(status), described.get(endpoint.path, ""))
        ]

        self.assertEqual(missing, [])

    def test_fields_of_calls(self) -> None:
        """A call's section has the name of every field of its request."""
        described = sections(self.page)

        missing = [
            (endpoint.path, field)
            for endpoint in all_declared()
            for field in fields_of(endpoint.body)
            if not has_word(field, described.get(endpoint.path, ""))
        ]

        self.assertEqual(missing, [])

    def test_errors(self) -> None:
        """The table of errors has every error's status and code."""
        table = next(
            section.next_node(nodes.table)
            for section in parsed(self.page).findall(nodes.section)
            if title(section) == "Errors"
        )
        rows = [[entry.astext() for entry in row.findall(nodes.entry)] for row in table.findall(nodes.row)]

        missing = [
            (error.status, error.code)
            for error in api_errors()
            if not any(row[0] == str(error.status) and has_word(error.code, row[1]) for row in rows)
        ]

        self.assertEqual(missing, [])

    def test_kinds(self) -> None:
        """Everything that can happen, by the name that the socket has for it, is somewhere on the page."""
        named = literals(self.page)

        unnamed = SILENT | {Kind.RELEASE, Kind.DIRECT_RELEASE, Kind.DIRECT_REMOVED}  # told by other names
        missing = [kind.value for kind in Kind if kind not in unnamed and kind.value not in named]

        self.assertEqual(missing, [])

    def test_settings(self) -> None:
        """Every setting is explained under its table's name, there or in etc/justchat.toml."""
        described = sections(self.page)
        sample = (PROJECT / "etc" / "justchat.toml").read_text("utf-8")
        tables = {
            name: field.annotation
            for name, field in Settings.model_fields.items()
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        }

        missing = [
            f"[{table}] {key}"
            for table, model in tables.items()
            for key in model.model_fields
            if not has_word(key, described.get(f"[{table}]", ""))
            and not re.search(rf"^\[{table}\]$(?:(?!^\[).)*?^#?{key} = ", sample, re.MULTILINE | re.DOTALL)
        ]

        self.assertEqual(missing, [])


class OptionTests(TestCase):
    """The command line."""

    def test_options(self) -> None:
        """Every option is explained in the README and in the protocol."""
        options = {f"--{name}" for name, *_ in (*Options.optParameters, *Options.optFlags)}

        missing = {
            (page, option)
            for page in ("README.rst", "docs/protocol.rst")
            for option in options - {text.partition(" ")[0] for text in literals(PROJECT / page)}
        }

        self.assertEqual(missing, set())


class DatabaseTests(TestCase):
    """``docs/database.rst``."""

    page = PROJECT / "docs" / "database.rst"

    def test_collections(self) -> None:
        """Every collection has a section of its own."""
        missing = {**INDEXES, **GRIDFS_INDEXES}.keys() - sections(self.page).keys()

        self.assertEqual(missing, set())

    def test_belongings(self) -> None:
        """For every collection it is known what of it belongs to a user."""
        titles = parsed(self.page).findall(nodes.title)
        collections = {title.astext() for title in titles if isinstance(title.children[0], nodes.literal)}

        self.assertEqual(collections, BELONGINGS.keys())
        self.assertLessEqual({**INDEXES, **GRIDFS_INDEXES}.keys(), collections)

    def test_growth(self) -> None:
        """Each collection is in the table of what grows, with its bound or the reason why it has none."""
        (section,) = (s for s in parsed(self.page).findall(nodes.section) if title(s) == "What grows")
        table = next(iter(section.findall(nodes.table)))
        rows = [[entry.astext() for entry in row.findall(nodes.entry)] for row in table.findall(nodes.row)][1:]

        self.assertEqual(BELONGINGS.keys(), {name for name, _ in rows})
        self.assertEqual([], [name for name, bound in rows if not bound.strip()])

    def test_deletion(self) -> None:
        """The section on the deletion of a person says of every collection what becomes of it."""
        said = sections(self.page)["Deletion of a person"]

        missing = [name for name in {**INDEXES, **GRIDFS_INDEXES} if not has_word(name, said)]

        self.assertEqual([], missing)

    def test_indexes(self) -> None:
        """A collection's section names every index of it, and the fields of that index."""
        described = sections(self.page)

        missing = [
            (collection, name)
            for collection, indexes in {**INDEXES, **GRIDFS_INDEXES}.items()
            for index in indexes
            for name in (index["name"], *index["key"])
            if not has_word(name, described.get(collection, ""))
        ]

        self.assertEqual(missing, [])

    def test_fields(self) -> None:
        """Every field that a document of the store is made with is named."""
        named = literals(self.page)

        missing = sorted(field for field in stored_fields() if field not in named)

        self.assertEqual(missing, [])


def stored_fields() -> set[str]:
    """The keys that occur in the functions of ``store/bson.py`` and ``bson_users.py`` which make documents."""
    found: set[str] = set()
    functions = [each for module in (bson, bson_users) for each in inspect.getmembers(module, inspect.isfunction)]
    for name, function in functions:
        if name.endswith("_to_document") or name == "room_changes":
            source = inspect.getsource(function)
            found |= set(re.findall(r'"(\w+)":', source))
            found |= set(re.findall(r'document\["(\w+)"\] =', source))
    return found


class RoomTests(TestCase):
    """CONTRIBUTING.rst, "Where things go", is the package's top level."""

    def test_every_room(self) -> None:
        """The table names every folder and module of the package's root, and nothing else."""
        text = (PROJECT / "CONTRIBUTING.rst").read_text()
        table = text.partition("Where things go\n")[2].partition("Conventions\n")[0]
        named = set(re.findall(r"^   \* - ``(\w+)``$", table, re.MULTILINE))

        root = Path(justchat.__file__).parent
        there = {file.stem for file in root.glob("*.py")} | {init.parent.name for init in root.glob("*/__init__.py")}
        self.assertEqual(there - {"__init__"}, named)
