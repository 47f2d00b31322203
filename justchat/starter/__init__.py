"""The gifts that a new daemon starts with: a catalogue file, of the form that operators use, and its pictures."""

from importlib import resources
from pathlib import Path

CATALOGUE = Path(str(resources.files("justchat.starter") / "catalogue.toml"))
