"""What pages look like in the tests: pictures in ``build/screenshots``, which CI keeps and their builders look at."""

import os
from pathlib import Path

from tests.support.windows import Window

FOLDER = Path(__file__).parents[2] / "build" / "screenshots"


async def save(page: Window, name: str) -> Path:
    """Keep what a page looks like as ``name``.png, in place of an earlier picture; returns the file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{name}.png"
    # Whoever looks meanwhile, or another process of the suite, sees a whole picture.
    unfinished = file.with_suffix(f".{os.getpid()}")
    await page.picture(unfinished)
    unfinished.replace(file)
    return file
