"""The pages of the documentation, as docutils reads them."""

from functools import cache
from io import StringIO
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree

PROJECT = Path(__file__).parents[2]


def parsed(page: Path) -> nodes.document:
    """A page of the documentation, which all share who ask for it: change a copy."""
    return _parsed(page)[0]


def complaints(page: Path) -> str:
    """What docutils says against a page."""
    return _parsed(page)[1]


@cache
def _parsed(page: Path) -> tuple[nodes.document, str]:
    warnings = StringIO()
    settings = {
        "syntax_highlight": "none",
        "_disable_config": True,
        "report_level": 2,
        "halt_level": 5,
        "warning_stream": warnings,
    }
    document = publish_doctree(page.read_text("utf-8"), source_path=page.name, settings_overrides=settings)
    return document, warnings.getvalue()
