"""The pages of the documentation, as docutils reads them."""

from io import StringIO
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree

PROJECT = Path(__file__).parents[2]


def parsed(page: Path, warnings: StringIO | None = None) -> nodes.document:
    """A page of the documentation; docutils' complaints go into ``warnings``."""
    settings = {
        "syntax_highlight": "none",
        "_disable_config": True,
        "report_level": 2,
        "halt_level": 5,
        "warning_stream": warnings or StringIO(),
    }
    return publish_doctree(page.read_text("utf-8"), source_path=page.name, settings_overrides=settings)
