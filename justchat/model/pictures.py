"""References to uploaded pictures in texts: their path, or a URL that ends with it."""

import re

FOLDER = "uploads/"
_PATH = re.compile(r"uploads/([0-9a-f]{32})\.(?:png|jpg|gif|webp)")


def pictures_in(text: str) -> list[str]:
    """The file names, without extensions, of the pictures that a text refers to."""
    # Nearly no text refers to any, so the regular expression rarely runs.
    return _PATH.findall(text) if FOLDER in text else []
