"""Pictures: decoded and written again, in a thread of their own, so that what is served is an image and no more.

What a camera wrote beside the picture (place, time, owner) goes; how it is to be turned is applied; animation stays.
"""

import os
import secrets
from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, ImageSequence
from zope.interface import implementer

from justchat.errors import DiskFull, NotAnImage, TooLarge
from justchat.interfaces import IImages
from justchat.model.ids import Id
from justchat.threads import Workers

FORMATS = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "WEBP": "webp"}
"""Pillow's formats that are accepted, and the endings they are kept under."""
PIXELS = 50_000_000
"""Of all frames together: what a few hundred bytes can unfold to must be bounded, too."""
FRAMES = 500
WAITING = 20


@implementer(IImages)
class Images:
    """See IImages. ``folder`` is where the files are kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.workers = Workers("images", threads=1, waiting=WAITING)

    async def keep(self, data: bytes, once: Id | None = None) -> str:
        # A name that nobody can guess: ``once`` is random, too.
        stem = secrets.token_hex(16) if once is None else sha256(once.encode()).hexdigest()[:32]
        return await self.workers.do(lambda: self._keep(data, stem))

    def _keep(self, data: bytes, stem: str) -> str:
        written, ending = rewritten(data)
        name = f"{stem}.{ending}"
        temporary = self._folder / f".{name}.{secrets.token_hex(4)}"
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(written)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self._folder / name)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise DiskFull from error
        return name


def rewritten(data: bytes) -> tuple[bytes, str]:
    """The image alone, and its ending. Raises NotAnImage, TooLarge."""
    try:
        with Image.open(BytesIO(data), formats=list(FORMATS)) as image:
            kind = image.format or ""
            frames = getattr(image, "n_frames", 1)
            if image.width * image.height * frames > PIXELS or frames > FRAMES:
                raise TooLarge("the image has too many pixels")
            output = BytesIO()
            if frames > 1 and kind != "JPEG":
                _write_animation(image, kind, output)
            else:
                _write_picture(image, kind, output)
    except TooLarge:
        raise
    except Image.DecompressionBombError as error:
        raise TooLarge("the image has too many pixels") from error
    except Exception as error:  # Pillow's decoders raise whatever a broken file leads them to
        raise NotAnImage from error
    return output.getvalue(), FORMATS[kind]


def _write_picture(image: Image.Image, kind: str, output: BytesIO) -> None:
    image.load()
    turned = ImageOps.exif_transpose(image)
    clean = Image.new(turned.mode, turned.size)
    clean.paste(turned)
    if turned.mode == "P":
        palette = turned.getpalette("RGBA" if "transparency" in turned.info else "RGB")
        clean.putpalette(palette or [], "RGBA" if "transparency" in turned.info else "RGB")
    options: dict[str, Any] = {}
    if "transparency" in turned.info and turned.mode in ("P", "L", "RGB"):
        options["transparency"] = turned.info["transparency"]
    if kind == "JPEG":
        options = {"quality": 90, "optimize": True}
    elif kind == "WEBP":
        options = {"quality": 90}
    clean.save(output, kind, **options)


def _write_animation(image: Image.Image, kind: str, output: BytesIO) -> None:
    frames: Sequence[Image.Image] = [frame.convert("RGBA") for frame in ImageSequence.Iterator(image)]
    durations = []
    for index in range(len(frames)):
        image.seek(index)
        durations.append(int(image.info.get("duration", 100)))
    for frame in frames:
        frame.info = {}
    frames[0].save(
        output,
        kind,
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=image.info.get("loop", 0),
        **({"disposal": 2} if kind == "GIF" else {}),
    )
