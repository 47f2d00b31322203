"""The gifts that a new daemon starts with: a catalogue file, as an operator's own may be, and its pictures."""

from importlib import resources
from pathlib import Path

CATALOGUE = Path(str(resources.files("justchat.starter") / "catalogue.toml"))
