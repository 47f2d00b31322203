"""PNG and APNG (third edition of the specification): only the chunks that make up the picture are kept.

Each frame of an animation is re-encoded as a picture of its own, and put back in its place.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import Final

from attrs import define, evolve, field
from PIL import Image, PngImagePlugin

from justchat.errors import NotAnImage
from justchat.workers.codecs.still import (
    PROFILE,
    WHOLE_ENOUGH,
    Metadata,
    check_memory,
    check_pixels,
    decoded,
    exif_of,
    shown,
)

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_COLOUR: Final = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4}
"""Chunks that describe the colours, which are kept, and their lengths."""
_ANIMATION: Final = (b"acTL", b"fcTL", b"fdAT")
_STEP: Final = 1 << 20
_GREY, _RGB, _PALETTE = 0, 2, 3
_TRANSPARENCIES: Final = {_GREY: (2, 2), _RGB: (6, 6), _PALETTE: (1, 256)}
"""By colour type: the least and the most bytes of tRNS."""
_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""The passes of interlacing: first column, first row, column step, row step."""


@define
class _Frame:
    """A frame of an animation. ``control`` is its fcTL chunk without the sequence number."""

    width: int
    height: int
    control: bytes
    data: bytearray = field(factory=bytearray)


@define
class _Picture:
    head: bytes
    """The end of IHDR: depth, colour type, compression, filter, interlacing."""
    width: int
    height: int
    plte: bytes = b""
    trns: bytes | None = None
    colour: dict[bytes, bytes] = field(factory=dict)
    metadata: Metadata = field(factory=Metadata)
    has_profile: bool = False
    """Whether the one iCCP chunk that there may be has come."""
    idat: bytearray = field(factory=bytearray)
    plays: int | None = None
    """How often the animation plays, 0 for endlessly; None for a still picture."""
    frames: list[_Frame] = field(factory=list)
    is_frame: bool = False
    """Whether IDAT is the first frame. Otherwise only viewers without animation show it."""


def reencode_png(data: bytes) -> bytes:
    """Re-encode a picture. Raises NotAnImage, TooLarge."""
    picture = _read(data)
    check_memory(picture.width, picture.height, _bytes_per_pixel(picture.head))
    check_pixels(
        picture.width * picture.height + sum(frame.width * frame.height for frame in picture.frames),
        len(picture.frames),
    )
    is_animated = picture.plays is not None and len(picture.frames) > 0
    first = _encoded(picture, picture.width, picture.height, picture.idat, orient=not is_animated)
    if not is_animated:
        return first
    return _animation(picture, first)


def _read(data: bytes) -> _Picture:
    chunks = _chunks(data)
    name, head = next(chunks, (b"", b""))
    if name != b"IHDR" or len(head) != 13:
        raise NotAnImage
    width, height = struct.unpack(">II", head[:8])
    picture = _Picture(head=head[8:], width=width, height=height)
    for name, content in chunks:
        if name not in _ANIMATION:
            _read_chunk(picture, name, content)
        elif not _read_animation_chunk(picture, name, content):
            break
    if b"cICP" in picture.colour:  # a description of the colours by name takes precedence over a profile
        picture.metadata = evolve(picture.metadata, icc=None)
    if picture.is_frame and picture.frames:
        picture.frames[0].data = picture.idat
    picture.frames = [frame for frame in picture.frames if frame.data]
    return picture


def _read_chunk(picture: _Picture, name: bytes, content: bytes) -> None:
    if name == b"IDAT":
        picture.idat += content
    elif picture.idat:
        pass  # what describes the pixels stands before them, and the first chunk of a kind counts
    elif name == b"PLTE":
        picture.plte = content[:768]
    elif name == b"tRNS" and picture.trns is None:
        picture.trns = _transparency(picture.head[1], content)
    elif name == b"iCCP" and not picture.has_profile:  # to inflate one takes up to 10 ms
        picture.has_profile = True
        picture.metadata = evolve(picture.metadata, icc=_profile(content))
    elif name == b"eXIf" and picture.metadata.exif is None:
        picture.metadata = evolve(picture.metadata, exif=content)
    elif _COLOUR.get(name) == len(content):
        picture.colour.setdefault(name, content)


def _transparency(kind: int, content: bytes) -> bytes | None:
    """The content of tRNS, as far as pictures of this colour type have one; None where it is too short."""
    least, most = _TRANSPARENCIES.get(kind, (1, 0))
    return content[:most] if len(content) >= least and most else None


def _read_animation_chunk(picture: _Picture, name: bytes, content: bytes) -> bool:
    """Read acTL, fcTL or fdAT. False for an invalid frame: then the animation ends before it."""
    if name == b"acTL":
        if len(content) == 8 and content[:4] != bytes(4) and not picture.idat and picture.plays is None:
            picture.plays = struct.unpack(">II", content)[1]
    elif name == b"fdAT":
        if picture.frames and picture.idat:
            picture.frames[-1].data += content[4:]
    elif picture.plays is not None:
        return _begin_frame(picture, content)
    return True


def _begin_frame(picture: _Picture, control: bytes) -> bool:
    """Add a frame. False for an invalid one: then the animation ends before it."""
    if len(control) != 26:
        return False
    width, height, x, y = struct.unpack(">4I", control[4:20])
    if not width or not height or x + width > picture.width or y + height > picture.height:
        return False
    if not picture.idat:
        picture.is_frame = True
    picture.frames.append(_Frame(width, height, control[4:]))
    return True


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks up to IEND or the end of the data. Checksums are ignored, and the last chunk may be truncated."""
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"IEND":
            return
        yield name, data[at + 8 : at + 8 + length]
        at += 12 + length


def _profile(content: bytes) -> bytes | None:
    compressed = content.partition(b"\0")[2][1:]
    with suppress(zlib.error):
        inflating = zlib.decompressobj()
        profile = inflating.decompress(compressed, PROFILE)
        return profile if inflating.eof else None
    return None


def _bytes_per_pixel(head: bytes) -> int:
    """Bytes per pixel of Pillow's decoded picture."""
    depth, kind = head[0], head[1]
    return (2 if depth == 16 else 1) if kind in (_GREY, _PALETTE) else 4


def _file(picture: _Picture, width: int, height: int, idat: bytes | bytearray) -> bytes:
    return b"".join(
        [
            SIGNATURE,
            _chunk(b"IHDR", struct.pack(">II", width, height) + picture.head),
            _chunk(b"PLTE", picture.plte) if picture.plte else b"",
            _chunk(b"tRNS", picture.trns) if picture.trns else b"",
            _chunk(b"IDAT", bytes(idat)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", zlib.crc32(name + content))


def _encoded(picture: _Picture, width: int, height: int, idat: bytes | bytearray, *, orient: bool) -> bytes:
    """Re-encode a frame as a picture of its own."""
    try:
        image: Image.Image = decoded(PngImagePlugin.PngImageFile, _file(picture, width, height, idat))
    except (OSError, SyntaxError):
        mended = _mended(picture.head, width, height, idat)
        if mended is None:
            raise
        image = decoded(PngImagePlugin.PngImageFile, _file(picture, width, height, mended))
    image = shown(_plain(image, picture.head), picture.metadata, orient=orient)
    colour = PngImagePlugin.PngInfo()
    if picture.metadata.icc is None:
        for name, content in picture.colour.items():
            colour.add(name, content)
    output = BytesIO()
    image.save(output, "PNG", pnginfo=colour, exif=b"")
    return output.getvalue()


def _plain(image: Image.Image, head: bytes) -> Image.Image:
    """Convert to eight bits per channel, or a palette, with transparency in a channel or the palette."""
    depth = head[0]
    transparency = image.info.get("transparency")
    if image.mode.startswith("I"):
        # convert() would clip what is above 255.
        image = Image.frombytes("L", image.size, image.tobytes("raw", "I;16")[1::2])
    if transparency is None or image.mode == "P":
        return image
    if depth == 16:
        transparency = transparency >> 8 if isinstance(transparency, int) else tuple(x >> 8 for x in transparency)
    elif isinstance(transparency, int) and image.mode == "L":
        transparency *= 255 // ((1 << depth) - 1)  # it has the depth of the file, the pixels have 8 bits
    if image.mode == "1":
        image = image.convert("L")
    image.info["transparency"] = transparency
    with_alpha = image.convert("LA" if image.mode == "L" else "RGBA")
    with_alpha.info = {}
    return with_alpha


def _mended(head: bytes, width: int, height: int, idat: bytes | bytearray) -> bytes | None:
    """Compress the pixels again, if nearly all are there, and only the end of the compressed data is missing or wrong.

    The missing pixels are zeros: black, transparent, or of the first colour.
    """
    bits = head[0] * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[head[1]]
    wanted = 0
    for x, y, across, down in _PASSES if head[4] else ((0, 0, 1, 1),):
        columns, rows = -(-(width - x) // across), -(-(height - y) // down)
        if columns > 0 and rows > 0:
            wanted += rows * (1 + (columns * bits + 7) // 8)
    whole = wanted
    # Without zlib's header and checksum.
    inflating, rest = zlib.decompressobj(-zlib.MAX_WBITS), bytes(idat[2:])
    deflating, made = zlib.compressobj(1), bytearray()
    with suppress(zlib.error):
        while wanted > 0 and (piece := inflating.decompress(rest, min(_STEP, wanted))):
            rest = inflating.unconsumed_tail
            wanted -= len(piece)
            made += deflating.compress(piece)
    if wanted > (0 if head[4] else whole * (1 - WHOLE_ENOUGH)):  # of an interlaced one each pass has all rows
        return None
    for at in range(0, wanted, _STEP):
        made += deflating.compress(bytes(min(_STEP, wanted - at)))
    return bytes(made + deflating.flush())


def _animation(picture: _Picture, first: bytes) -> bytes:
    chunks = dict[bytes, bytes]()
    for name, content in _chunks(first):
        chunks[name] = chunks.get(name, b"") + content
    idat = chunks.pop(b"IDAT")
    made = [SIGNATURE, *(_chunk(name, content) for name, content in chunks.items())]
    frames: list[bytes] = []
    sequence = 0
    for number, frame in enumerate(picture.frames):
        is_first = picture.is_frame and number == 0
        try:
            written = first if is_first else _encoded(picture, frame.width, frame.height, frame.data, orient=False)
        except (OSError, SyntaxError, NotAnImage):
            break  # keep the frames before
        frames.append(_chunk(b"fcTL", struct.pack(">I", sequence) + frame.control))
        sequence += 1
        content = b"".join(content for name, content in _chunks(written) if name == b"IDAT")
        if is_first:
            frames.append(_chunk(b"IDAT", content))
        else:
            frames.append(_chunk(b"fdAT", struct.pack(">I", sequence) + content))
            sequence += 1
    if not frames:
        return first
    made.insert(2, _chunk(b"acTL", struct.pack(">II", len(frames) // 2, picture.plays)))
    if picture.metadata.orientation > 1:
        # Each frame would have to be turned in its place.
        made.insert(3, _chunk(b"eXIf", exif_of(picture.metadata.orientation)))
    if not picture.is_frame:
        made.append(_chunk(b"IDAT", idat))
    return b"".join([*made, *frames, _chunk(b"IEND", b"")])
