"""How Sphinx renders these documents: ``make docs``."""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from justchat import __version__

project = "JustChat"
version = release = __version__
html_theme = "furo"
html_title = f"JustChat {__version__}"
html_copy_source = False
html_show_sphinx = False


def _remove_contents(app: Sphinx, doctree: nodes.document) -> None:
    """Remove the lists of contents, which are for readers of the files: the theme shows them beside each page."""
    for topic in list(doctree.findall(lambda node: isinstance(node, nodes.topic) and "contents" in node["classes"])):
        topic.parent.remove(topic)


def _find_images(app: Sphinx, path: Path, parent: str, content: list[str]) -> None:
    """Images of the README are named from the project's folder."""
    content[0] = content[0].replace(".. image:: docs/", ".. image:: ")


def setup(app: Sphinx) -> None:
    """See Sphinx."""
    app.connect("include-read", _find_images)
    app.connect("doctree-read", _remove_contents)
