"""JPEG: only the segments that make up the first picture are kept.

What follows the first picture (MPO's second one, a gain map, trailing bytes) is dropped, as metadata is.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from attrs import define, field, frozen
from PIL import ImageFile, JpegImagePlugin

from justchat.errors import NotAnImage, TooLarge
from justchat.workers.codecs.still import (
    MEMORY,
    WHOLE_ENOUGH,
    Metadata,
    check_memory,
    check_pixels,
    orientation_of,
    shown,
)

_SOI, _EOI, _SOS, _APP0, _APP1, _APP2, _APP14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE: Final = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_KEPT: Final = frozenset((*range(0xC0, 0xD0), 0xDB, 0xDC, 0xDD, _SOS))
_COLOURS: Final = {_APP0: (b"JFIF\0", 14), _APP14: (b"Adobe", 12)}
"""Segments that say what the channels are: how each begins, and its bytes. Decoders ignore a shorter one."""
_MARKER: Final = re.compile(rb"\xff([^\x00\xff])")
"""The FF before it may be many. To look for them, too, would take quadratic time."""
_NEXT: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""In the data of a scan, where FF 00 is a byte, and D0 to D7 are restart markers."""
MOST_SCANS: Final = 100
"""Programs write some ten. Each is decoded over all pixels, however few bytes it has."""
_NOWHERE: Final = (255, 0, 254, 255)


@frozen
class _Picture:
    data: bytes
    """The file from its start to the end of its last scan, without EOI."""
    width: int
    height: int
    channels: int
    scans: int
    is_progressive: bool
    has_end: bool
    metadata: Metadata


@define
class _Asides:
    """Collects the metadata that changes how the pixels look. It stands before the first scan."""

    exif: bytes | None = None
    has_orientation: bool = False
    pieces: dict[int, bytes] = field(factory=dict)
    """Of the profile, by number."""
    count: int = 0
    """Pieces that there are to be."""

    def add(self, marker: int, content: bytes) -> None:
        if marker == _APP1 and not self.has_orientation and content.startswith(b"Exif\0"):
            self.exif = content[6:]
            self.has_orientation = orientation_of(self.exif) is not None
        elif marker == _APP2 and content.startswith(b"ICC_PROFILE\0") and len(content) > 14:
            self.pieces.setdefault(content[12], content[14:])
            self.count = content[13]

    @property
    def metadata(self) -> Metadata:
        is_whole = sorted(self.pieces) == [*range(1, self.count + 1)]
        return Metadata(b"".join(self.pieces[n] for n in sorted(self.pieces)) if is_whole else None, self.exif)


def reencode_jpeg(data: bytes) -> bytes:
    """Re-encode a picture; one of more than 25 million pixels at half its width and height.

    Raises NotAnImage, TooLarge.
    """
    picture = _read(data)
    pixels = picture.width * picture.height
    check_pixels(pixels)
    if picture.scans > MOST_SCANS:
        raise TooLarge("the image has too many scans")
    if picture.is_progressive:
        # All its coefficients, of 2 bytes each, are in memory before the first pixel.
        check_memory(picture.width, picture.height, 4)
    if not picture.has_end and not _is_whole(picture):
        raise NotAnImage
    jpeg = JpegImagePlugin.JpegImageFile(BytesIO(picture.data + bytes((0xFF, _EOI))))
    options: dict[str, Any] = {"quality": 90, "optimize": True}
    if pixels * 4 > MEMORY:
        jpeg.draft(None, (-(-picture.width // 2), -(-picture.height // 2)))
    elif jpeg.mode != "CMYK":
        options["subsampling"] = JpegImagePlugin.get_sampling(jpeg)
    jpeg.load()
    jpeg.info = {}
    image = shown(jpeg, picture.metadata)
    output = BytesIO()
    image.save(output, "JPEG", exif=b"", **options)
    return output.getvalue()


def _read(data: bytes) -> _Picture:
    kept = [data[:2]]
    frame = None
    asides = _Asides()
    scans = 0
    has_end = False
    for marker, segment in _segments(data):
        if marker == _EOI:
            has_end = True
            break
        content = segment[4:]
        if marker in _FRAMES and frame is None and len(content) >= 6:
            frame = (marker, int.from_bytes(content[1:3]), int.from_bytes(content[3:5]), content[5])
        elif marker == _SOS:
            scans += 1
        elif not scans:
            asides.add(marker, content)
        if marker in _KEPT or _tells_colours(marker, content):
            kept.append(segment)
    if frame is None or not scans:
        raise NotAnImage
    marker, height, width, channels = frame
    progressive = marker in _PROGRESSIVE
    return _Picture(b"".join(kept), width, height, channels, scans, progressive, has_end, asides.metadata)


def _tells_colours(marker: int, content: bytes) -> bool:
    start, length = _COLOURS.get(marker, (b"", 0))
    return bool(start) and content.startswith(start) and len(content) >= length


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The marker and bytes of each segment, a scan with its data. Other bytes are skipped, as decoders do."""
    at = 2
    while (found := _MARKER.search(data, at)) is not None:
        marker, start = found[1][0], found.end() - 2
        if marker in (_SOI, 0x01, *range(0xD0, 0xD8)):
            at = found.end()
            continue
        if marker == _EOI:
            yield marker, b""
            return
        end = found.end() + max(int.from_bytes(data[found.end() : found.end() + 2]), 2)
        if marker == _SOS:
            following = _NEXT.search(data, end)
            end = len(data) if following is None else following.start()
        yield marker, data[start:end].rstrip(b"\xff") if marker == _SOS else data[start:end]
        at = end


def _is_whole(picture: _Picture) -> bool:
    """Whether a truncated file has nearly all of its picture."""
    if picture.is_progressive:
        return picture.scans > picture.channels  # the first scans have the whole picture, later ones refine it
    check_memory(picture.width, picture.height, 4)
    jpeg = JpegImagePlugin.JpegImageFile(BytesIO(picture.data))
    jpeg.load_prepare()
    nothing = _NOWHERE[: len(jpeg.getbands())]
    jpeg.im.paste(nothing if len(nothing) > 1 else nothing[0], (0, 0, *jpeg.size))
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        jpeg.load()
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    last = min(int(jpeg.height * WHOLE_ENOUGH), jpeg.height - 1)
    row = jpeg.crop((0, last, jpeg.width, last + 1)).getcolors(1)
    return row is None or row[0][1] not in (nothing, nothing[0])
