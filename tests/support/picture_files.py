"""Files of pictures, written by hand where Pillow does not write them so."""

import struct
import zlib
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from PIL import Image

WIDTH, HEIGHT = 48, 32
COLOURS = ((200, 30, 30), (30, 160, 60), (40, 60, 200), (230, 220, 90))
"""Of the quarters: top left, top right, bottom left, bottom right."""
Colour = tuple[int, ...]


def quarters(mode: str, colours: Sequence[Any] = COLOURS, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image.Image:
    """A picture of four colours."""
    image = Image.new(mode, size)
    middle = size[0] // 2, size[1] // 2
    for colour, place in zip(colours, ((0, 0), (middle[0], 0), (0, middle[1]), middle), strict=True):
        image.paste(colour, (*place, place[0] + middle[0], place[1] + middle[1]))
    return image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    output = BytesIO()
    image.save(output, kind, **options)
    return output.getvalue()


# PNG

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(name: bytes, content: bytes, crc: int | None = None) -> bytes:
    crc = zlib.crc32(name + content) if crc is None else crc
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", crc)


def idat(samples: Sequence[Sequence[Sequence[int]]], depth: int, interlaced: bool = False) -> bytes:
    """Compressed rows; ``samples[y][x]`` are a pixel's, of ``depth`` bits each."""
    rows = []
    for x, y, across, down in PASSES if interlaced else ((0, 0, 1, 1),):
        for line in samples[y::down]:
            bits = "".join(f"{sample:0{depth}b}" for pixel in line[x::across] for sample in pixel)
            bits += "0" * (-len(bits) % 8)
            if bits:
                rows.append(b"\0" + int(bits, 2).to_bytes(len(bits) // 8))
    return zlib.compress(b"".join(rows))


def ihdr(size: tuple[int, int], depth: int, kind: int, interlaced: bool = False) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, interlaced))


def png(
    colours: Sequence[Colour],
    depth: int,
    kind: int,
    *,
    interlaced: bool = False,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """Four quarters. ``before`` and ``after`` are chunks around IDAT."""
    data = idat(plain(colours), depth, interlaced)
    head = SIGNATURE + ihdr((WIDTH, HEIGHT), depth, kind, interlaced)
    return head + before + chunk(b"IDAT", data) + after + chunk(b"IEND", b"")


def plain(colours: Sequence[Colour], width: int = WIDTH, height: int = HEIGHT) -> list[list[Colour]]:
    """The samples of four quarters."""
    return [[colours[2 * (y >= height // 2) + (x >= width // 2)] for x in range(width)] for y in range(height)]


def apng(frames: Sequence[tuple[Any, ...]], plays: int, *, hidden: Colour | None = None) -> bytes:
    """Frames are colour, place (x, y, width, height), delay (numerator, denominator), disposal, blending.

    ``hidden`` is the colour of a first picture that is no frame.
    """
    made = [SIGNATURE, ihdr((WIDTH, HEIGHT), 8, 6), chunk(b"acTL", struct.pack(">II", len(frames), plays))]
    if hidden is not None:
        made.append(chunk(b"IDAT", idat(plain([hidden] * 4), 8)))
    sequence = 0
    for number, (colour, (x, y, width, height), delay, disposal, blending) in enumerate(frames):
        control = struct.pack(">5I2H2B", sequence, width, height, x, y, *delay, disposal, blending)
        made.append(chunk(b"fcTL", control))
        sequence += 1
        data = idat(plain([colour] * 4, width, height), 8)
        if number == 0 and hidden is None:
            made.append(chunk(b"IDAT", data))
        else:
            made.append(chunk(b"fdAT", struct.pack(">I", sequence) + data))
            sequence += 1
    return b"".join([*made, chunk(b"IEND", b"")])


# GIF


def lzw(numbers: bytes) -> bytes:
    """Uncompressed: a clear code before every hundredth pixel keeps all codes at nine bits."""
    codes = []
    for at in range(0, len(numbers), 100):
        codes += [256, *numbers[at : at + 100]]
    bits = "".join(f"{code:09b}" for code in reversed([*codes, 257]))
    packed = int(bits, 2).to_bytes(-(-len(bits) // 8), "little")
    blocks = [packed[at : at + 255] for at in range(0, len(packed), 255)]
    return b"\x08" + b"".join(bytes((len(block),)) + block for block in blocks) + b"\0"


def palette(*colours: Colour) -> bytes:
    """Of 256 colours."""
    return b"".join(bytes(colour) for colour in colours).ljust(768, b"\0")


def gif(frames: Sequence[tuple[Any, ...]], *, loop: int | None = None, application: bytes = b"NETSCAPE2.0") -> bytes:
    """Frames are colour number, place, delay (1/100 s), disposal, transparent number or None, own palette or b""."""
    made = [b"GIF89a", struct.pack("<HHBBB", WIDTH, HEIGHT, 0xF7, 0, 0), palette(*COLOURS)]
    if loop is not None:
        made.append(b"\x21\xff\x0b" + application + b"\x03\x01" + struct.pack("<H", loop) + b"\0")
    for number, (x, y, width, height), delay, disposal, transparent, own in frames:
        flags = disposal << 2 | (transparent is not None)
        made.append(b"\x21\xf9\x04" + struct.pack("<BHB", flags, delay, transparent or 0) + b"\0")
        made.append(b"\x2c" + struct.pack("<4HB", x, y, width, height, 0x87 if own else 0) + own)
        # The first pixel is always of the colour 0.
        made.append(lzw(bytes(1) + bytes((number,)) * (width * height - 1)))
    return b"".join([*made, b"\x3b"])


# WebP


def riff(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a RIFF file."""
    at, chunks = 12, []
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        chunks.append((name, data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return chunks


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP"
    for name, content in chunks:
        body += name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def vp8x(flags: int) -> tuple[bytes, bytes]:
    side = (WIDTH - 1).to_bytes(3, "little") + (HEIGHT - 1).to_bytes(3, "little")
    return b"VP8X", bytes((flags, 0, 0, 0)) + side


def animated_webp(frames: Sequence[tuple[Any, ...]], loop: int, flags: int = 0x12, **options: Any) -> bytes:
    """Frames are colour, place, ms, 1 to dispose, 1 not to blend."""
    made = [vp8x(flags), (b"ANIM", struct.pack("<4BH", 0, 0, 0, 0, loop))]
    for colour, (x, y, width, height), ms, dispose, no_blending in frames:
        still = saved(Image.new("RGBA", (width, height), colour), "WEBP", **options)
        header = b"".join(n.to_bytes(3, "little") for n in (x // 2, y // 2, width - 1, height - 1, ms))
        header += bytes((no_blending << 1 | dispose,))
        picture = b"".join(
            name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
            for name, content in riff(still)
            if name != b"VP8X"
        )
        made.append((b"ANMF", header + picture))
    return webp(*made)


# JPEG


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """Segments put behind SOI."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def icc_segments(profile: bytes) -> list[bytes]:
    pieces = [profile[at : at + 60_000] for at in range(0, len(profile), 60_000)]
    return [
        segment(0xE2, b"ICC_PROFILE\0" + bytes((number + 1, len(pieces))) + piece)
        for number, piece in enumerate(pieces)
    ]


def exif(orientation: int, order: str = "<") -> bytes:
    """A TIFF structure with nothing but an orientation."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


# ICC profiles


def icc(space: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr", connection: bytes = b"XYZ ") -> bytes:
    head = struct.pack(">I4sI4s4s4s12s4s", 0, b"\0\0\0\0", 0x02400000, kind, space, connection, bytes(12), b"acsp")
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    head = head.ljust(128, b"\0")
    table, body = struct.pack(">I", len(tags)), b""
    at = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        content += b"\0" * (-len(content) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(content))
        body += content
    made = head + table + body
    return struct.pack(">I", len(made)) + made[4:]


def _named(text: str) -> dict[bytes, bytes]:
    named = text.encode() + b"\0"
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    description = b"desc\0\0\0\0" + struct.pack(">I", len(named)) + named + bytes(78)
    return {b"desc": description, b"cprt": b"text\0\0\0\0none\0", b"wtpt": white}


def rgb_profile(name: str, primaries: Sequence[Sequence[float]], gamma: bytes) -> bytes:
    """``primaries`` are the columns of the matrix to XYZ at D50."""
    tags = _named(name)
    for tag, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True):
        tags[tag] = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in column))
    return icc(b"RGB ", {**tags, b"rTRC": gamma, b"gTRC": gamma, b"bTRC": gamma})


def curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


SRGB_CURVE = b"para\0\0\0\0" + struct.pack(
    ">HH5i", 3, 0, *(round(value * 65536) for value in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
)
DISPLAY_P3 = rgb_profile(
    "Display P3", ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407)), SRGB_CURVE
)
ADOBE_RGB = rgb_profile(
    "Adobe RGB (1998)",
    ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
    curve(563 / 256),
)
LINEAR_GREY = icc(b"GRAY", {**_named("Linear grey"), b"kTRC": curve(1.0)})
PURE = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))
PURE_IN_P3 = ((234, 51, 35), (117, 251, 76), (0, 0, 245), (255, 255, 255))
PURE_IN_ADOBE_RGB = ((219, 0, 0), (144, 255, 60), (0, 0, 250), (255, 255, 255))
"""The colours of sRGB's corners, in these spaces."""


def cmyk_profile() -> bytes:
    """Of a press with odd inks: C prints what is green, all others nothing."""
    identity = bytes(range(256))
    table = b"".join(bytes((128, 60, 180)) if number & 8 else bytes((255, 128, 128)) for number in range(16))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    return icc(b"CMYK", {**_named("Odd inks"), b"A2B0": lut + identity * 4 + table + identity * 3}, b"prtr", b"Lab ")


def picture(kind: str, size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    """A picture of a kind, red on the left and blue on the right."""
    image = Image.new("RGB", size, (200, 0, 0))
    image.paste((0, 0, 200), (size[0] // 2, 0, *size))
    written = BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()
