"""What the formats share: limits, orientation and colour profiles."""

import struct
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Final

from attrs import frozen
from PIL import Image, ImageCms, ImageFile

from justchat.errors import NotAnImage, TooLarge

PIXELS: Final = 50_000_000
"""The limit for a picture, and for all frames of an animation together."""
MEMORY: Final = 100_000_000
"""Bytes of a frame's decoded pixels."""
FRAMES: Final = 500
WHOLE_ENOUGH: Final = 0.75
"""A truncated file must have this part of its rows."""
PROFILE: Final = 4 * 1024 * 1024
"""Bytes of an ICC profile; a larger one is ignored."""
_ORIENTATION, _SHORT = 0x0112, 3
_TRANSPOSITIONS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SPACES: Final = {"RGB ": ("RGB", "RGBA", "P", "L", "LA"), "GRAY": ("L", "LA"), "CMYK": ("CMYK",)}
"""ICC's names of colour spaces, and the Pillow modes whose pixels a profile of each can describe."""


@frozen
class Metadata:
    """The metadata that changes how the pixels look."""

    icc: bytes | None = None
    exif: bytes | None = None

    @property
    def orientation(self) -> int:
        """1 to 8, as in EXIF; 1 where the EXIF data is broken."""
        return orientation_of(self.exif) or 1


def check_pixels(pixels: int, frames: int = 1) -> None:
    """Raises TooLarge."""
    if pixels > PIXELS or frames > FRAMES:
        raise TooLarge("the image has too many pixels")


def check_memory(width: int, height: int, bytes_per_pixel: int) -> None:
    """Raises TooLarge, NotAnImage."""
    if width < 1 or height < 1:
        raise NotAnImage
    check_pixels(width * height)
    if width * height * bytes_per_pixel > MEMORY:
        raise TooLarge("the image has too many pixels")


def decoded(plugin: Callable[[BytesIO], ImageFile.ImageFile], data: bytes) -> ImageFile.ImageFile:
    """Decode the pixels of a file. Raises what Pillow's decoder raises."""
    image = plugin(BytesIO(data))
    image.load()
    image.info = {name: value for name, value in image.info.items() if name == "transparency"}
    return image


def shown(image: Image.Image, metadata: Metadata, *, orient: bool = True) -> Image.Image:
    """The picture as a browser shows it: in sRGB, and with its EXIF orientation applied."""
    image = _in_srgb(image, metadata.icc)
    image.info.pop("icc_profile", None)  # of sRGB
    if image.mode == "CMYK":
        image = image.convert("RGB")
    transposition = _TRANSPOSITIONS.get(metadata.orientation) if orient else None
    return image if transposition is None else image.transpose(transposition)


def _in_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Convert a picture to sRGB. A profile that is broken or does not fit the mode is ignored, as in browsers."""
    if icc is None or not int.from_bytes(icc[:4]) <= len(icc) <= PROFILE:
        return image
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        space = profile.profile.xcolor_space
        if image.mode not in _SPACES.get(space, ()):
            return image
        if image.mode == "P":
            return _with_palette_in_srgb(image, profile)
        if image.mode in ("L", "LA"):
            alpha = image.getchannel("A") if image.mode == "LA" else None
            grey = image.getchannel("L")
            coloured = _transformed(grey.convert("RGB") if space == "RGB " else grey, profile, "RGB")
            coloured = coloured.convert("L") if space == "GRAY" else coloured
            if alpha is not None:
                coloured.putalpha(alpha)
            return coloured
        return _transformed(image, profile, "RGBA" if image.mode == "RGBA" else "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image


def _with_palette_in_srgb(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    colours = bytes(image.getpalette("RGB") or [])
    if colours:
        row = Image.frombytes("RGB", (len(colours) // 3, 1), colours)
        image.putpalette(_transformed(row, profile, "RGB").tobytes())
    return image


def _transformed(image: Image.Image, profile: ImageCms.ImageCmsProfile, mode: str) -> Image.Image:
    in_place = image.mode == mode
    made = ImageCms.profileToProfile(
        image,
        profile,
        ImageCms.createProfile("sRGB"),
        # As in browsers. The perceptual intent would scale the dark colours.
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode=mode,
        inPlace=in_place,
    )
    return image if made is None else made


def exif_of(orientation: int) -> bytes:
    """EXIF data that have an orientation, and nothing else."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, _SHORT, 1, orientation, 0, 0)


def orientation_of(exif: bytes | None) -> int | None:
    """The orientation in the first directory of the TIFF structure of EXIF data; None where it has none that counts."""
    tiff = (exif or b"").removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return None
    with suppress(struct.error):
        (at,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, at)
        for entry in range(entries):
            tag, kind, count, value = struct.unpack_from(order + "HHIH", tiff, at + 2 + 12 * entry)
            if (tag, kind, count) == (_ORIENTATION, _SHORT, 1):
                return value if value == 1 or value in _TRANSPOSITIONS else None
    return None
