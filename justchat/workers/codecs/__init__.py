"""Pictures decoded and written again, so that what is served is a picture and no more.

What a camera wrote beside the pixels (place, time, owner) goes, and can never be why a picture is refused: only the
parts that make the pixels reach Pillow. How the picture is turned and what its colours mean is applied; animations
keep their frames, times and loops.
"""

from collections.abc import Callable, Mapping
from typing import Final

from justchat.errors import NotAnImage, TooLarge
from justchat.workers.codecs import gif, jpeg, png, webp

_FORMATS: Final[Mapping[str, tuple[Callable[[bytes], bool], Callable[[bytes], bytes]]]] = {
    "png": (lambda start: start.startswith(png.SIGNATURE), png.reencode_png),
    "jpg": (lambda start: start.startswith(b"\xff\xd8\xff"), jpeg.reencode_jpeg),
    "gif": (lambda start: start.startswith((b"GIF87a", b"GIF89a")), gif.reencode_gif),
    "webp": (lambda start: start[:4] == b"RIFF" and start[8:12] == b"WEBP", webp.reencode_webp),
}
"""By the ending under which each is kept: whether a file is one, and what writes it again."""

ENDINGS: Final = tuple(_FORMATS)


def reencode_picture(data: bytes) -> tuple[bytes, str]:
    """The picture alone, and its ending.

    Raises NotAnImage, TooLarge; MemoryError and OSError where the system lacks something.
    """
    for ending, (is_one, rewrite) in _FORMATS.items():
        if is_one(data[:16]):
            try:
                return rewrite(data), ending
            except (TooLarge, MemoryError):
                raise
            except OSError as error:
                if error.errno is not None:  # not the decoder's word on the picture, but the system's
                    raise
                raise NotAnImage from error
            except Exception as error:  # Pillow's decoders raise whatever a broken file leads them to
                raise NotAnImage from error
    raise NotAnImage
