"""What the formats have in common: bounds, how a picture is turned, what colours its numbers mean."""

import struct
from collections.abc import Callable
from io import BytesIO
from typing import Final

from attrs import frozen
from PIL import Image, ImageCms, ImageFile

from justchat.errors import NotAnImage, TooLarge

PIXELS: Final = 50_000_000
"""Of a picture, and of all frames of an animation together."""
MEMORY: Final = 100_000_000
"""Bytes of a frame's pixels, as they are decoded."""
FRAMES: Final = 500
PROFILE: Final = 4 * 1024 * 1024
"""Bytes of an ICC profile; a larger one is ignored."""
_ORIENTATION, _SHORT = 0x0112, 3
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SPACES: Final = {"RGB ": ("RGB", "RGBA", "P", "L", "LA"), "GRAY": ("L", "LA"), "CMYK": ("CMYK",)}
"""ICC's names of colour spaces, and the modes whose pixels a profile of each can describe."""


@frozen
class Aside:
    """What stands beside the pixels and changes how they look."""

    icc: bytes | None = None
    exif: bytes | None = None

    @property
    def orientation(self) -> int:
        """1 to 8; 1 too where the EXIF data is broken."""
        try:
            return _orientation(self.exif or b"")
        except struct.error:
            return 1


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
    """The pixels of a file. Raises what Pillow's decoder does."""
    image = plugin(BytesIO(data))
    image.load()
    image.info = {name: value for name, value in image.info.items() if name == "transparency"}
    return image


def shown(image: Image.Image, aside: Aside, *, turn: bool = True) -> Image.Image:
    """The picture as a browser shows it: in sRGB, and turned as its EXIF data says."""
    image = _in_srgb(image, aside.icc)
    image.info.pop("icc_profile", None)  # of sRGB
    if image.mode == "CMYK":
        image = image.convert("RGB")
    turns = _TURNS.get(aside.orientation) if turn else None
    return image if turns is None else image.transpose(turns)


def _in_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """The picture in sRGB. A profile that is broken, or of another kind of picture, is ignored, as browsers do."""
    if icc is None or len(icc) > PROFILE:
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
        # As browsers do: the perceptual one would scale the dark colours.
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode=mode,
        inPlace=in_place,
    )
    return image if made is None else made


def _orientation(exif: bytes) -> int:
    """From the first directory of the TIFF structure in EXIF data."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    (at,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, at)
    for entry in range(min(count, 1000)):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, at + 2 + 12 * entry)
        if (tag, kind) == (_ORIENTATION, _SHORT):
            return value if value in _TURNS else 1
    return 1
