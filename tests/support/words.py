"""Word lists for tests."""

from pathlib import Path

LISTED = "badword\nheck*\n"


def word_list_settings(action: str) -> str:
    """The settings of a daemon with a list of LISTED."""
    file = Path("words.txt").absolute()
    file.write_text(LISTED)
    return f'[moderation]\nwords = "{file}"\naction = "{action}"\n'
