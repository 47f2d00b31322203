"""Re-encoding of pictures, so that the server serves pictures and nothing else.

Metadata of a camera (place, time, owner) is dropped. Only the parts that make up the pixels reach Pillow, so broken
metadata never causes a refusal. Orientation and colour profile are applied to the pixels. Animations keep their frames,
durations and loops.
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
"""By file extension: whether a file has the format, by its first bytes; and what re-encodes it."""

ENDINGS: Final = tuple(_FORMATS)


def reencode_picture(data: bytes) -> tuple[bytes, str]:
    """Re-encode a picture. Returns its bytes and file extension.

    Raises NotAnImage, TooLarge; MemoryError and OSError where the system lacks memory or disk space.
    """
    for ending, (is_one, rewrite) in _FORMATS.items():
        if is_one(data[:16]):
            try:
                return rewrite(data), ending
            except (TooLarge, MemoryError):
                raise
            except OSError as error:
                if error.errno is not None:  # an error of the system, not of the decoder
                    raise
                raise NotAnImage from error
            except Exception as error:  # Pillow's decoders raise any exception on a broken file
                raise NotAnImage from error
    raise NotAnImage
