"""The corpus: odd but valid still pictures, with the colours that a browser shows."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from attrs import frozen
from PIL import Image

from tests.support.picture_files import (
    ADOBE_RGB,
    COLOURS,
    DISPLAY_P3,
    HEIGHT,
    LINEAR_GREY,
    PURE,
    PURE_IN_ADOBE_RGB,
    PURE_IN_P3,
    WIDTH,
    Colour,
    chunk,
    cmyk_profile,
    exif,
    gif,
    icc_segments,
    png,
    quarters,
    riff,
    saved,
    segment,
    vp8x,
    webp,
    with_segments,
)

GREYS = (0, 85, 170, 255)
OPAQUE = tuple((*colour, 255) for colour in COLOURS)
ORIENTED = {
    1: (0, 1, 2, 3),
    2: (1, 0, 3, 2),
    3: (3, 2, 1, 0),
    4: (2, 3, 0, 1),
    5: (0, 2, 1, 3),
    6: (2, 0, 3, 1),
    7: (3, 1, 2, 0),
    8: (1, 3, 0, 2),
}
"""By EXIF orientation: which quarter of the file each quarter of the picture shows."""
SAYS = b"where I live, and when"
"""Stands in the metadata, and must not be served."""


@frozen
class Still:
    """A file and the colours of its quarters; None is any colour, since it is transparent."""

    name: str
    file: bytes
    shows: tuple[Colour | None, ...] = OPAQUE
    size: tuple[int, int] = (WIDTH, HEIGHT)
    near: int = 1
    """How far a channel may be off."""


def stills() -> Iterator[Still]:
    yield from _png_kinds()
    yield from _png_colours()
    yield from _png_asides()
    yield from _jpeg_kinds()
    yield from _jpeg_asides()
    yield from _gif()
    yield from _webp()
    yield from _orientations()


def _opaque(*greys: int) -> tuple[Colour, ...]:
    return tuple((grey, grey, grey, 255) for grey in greys)


def _png_kinds() -> Iterator[Still]:
    plte = chunk(b"PLTE", b"".join(map(bytes, COLOURS)))
    numbers = [(0,), (1,), (2,), (3,)]
    for interlaced in (False, True):
        how = " interlaced" if interlaced else ""
        for depth in (1, 2, 4, 8, 16):
            most = (1 << depth) - 1
            greys = [(grey * most // 255,) for grey in (GREYS if depth > 1 else (0, 255, 255, 0))]
            seen = [round(grey[0] * 255 / most) for grey in greys]
            yield Still(f"grey {depth}{how}", png(greys, depth, 0, interlaced=interlaced), _opaque(*seen))
            trns = chunk(b"tRNS", struct.pack(">H", greys[1][0]))
            clear = tuple(
                None if grey == greys[1] else colour for grey, colour in zip(greys, _opaque(*seen), strict=True)
            )
            yield Still(f"grey {depth} tRNS{how}", png(greys, depth, 0, interlaced=interlaced, before=trns), clear)
        for depth in (2, 4, 8):
            yield Still(f"palette {depth}{how}", png(numbers, depth, 3, interlaced=interlaced, before=plte))
            alphas = plte + chunk(b"tRNS", bytes((255, 0, 128)))
            half = (OPAQUE[0], None, (*COLOURS[2], 128), OPAQUE[3])
            yield Still(
                f"palette {depth} tRNS{how}", png(numbers, depth, 3, interlaced=interlaced, before=alphas), half
            )
        two = [(0,), (1,), (1,), (0,)]
        shows = (OPAQUE[0], OPAQUE[1], OPAQUE[1], OPAQUE[0])
        yield Still(
            f"palette 1{how}",
            png(two, 1, 3, interlaced=interlaced, before=chunk(b"PLTE", bytes(COLOURS[0] + COLOURS[1]))),
            shows,
        )
        for depth, scale in ((8, 1), (16, 257)):
            colours = [tuple(value * scale for value in colour) for colour in COLOURS]
            yield Still(f"rgb {depth}{how}", png(colours, depth, 2, interlaced=interlaced))
            trns = chunk(b"tRNS", struct.pack(">3H", *colours[3]))
            shown = (*OPAQUE[:3], None)
            yield Still(f"rgb {depth} tRNS{how}", png(colours, depth, 2, interlaced=interlaced, before=trns), shown)
            seen = ((*COLOURS[0], 255), (*COLOURS[1], 128), (*COLOURS[2], 255), None)
            alphas = [(*colours[i], (255, 128, 255, 0)[i] * scale) for i in range(4)]
            yield Still(f"rgba {depth}{how}", png(alphas, depth, 6, interlaced=interlaced), seen)
            greys = [(GREYS[i] * scale, (255, 128, 255, 0)[i] * scale) for i in range(4)]
            seen = ((0, 0, 0, 255), (85, 85, 85, 128), (170, 170, 170, 255), None)
            yield Still(f"grey alpha {depth}{how}", png(greys, depth, 4, interlaced=interlaced), seen)


def _iccp(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"a profile\0\0" + zlib.compress(profile))


def _png_colours() -> Iterator[Still]:
    pure = tuple((*colour, 255) for colour in PURE)
    for name, profile, colours in (("P3", DISPLAY_P3, PURE_IN_P3), ("Adobe RGB", ADOBE_RGB, PURE_IN_ADOBE_RGB)):
        yield Still(f"PNG in {name}", png(colours, 8, 2, before=_iccp(profile)), pure, near=3)
        alphas = [(*colour, 255) for colour in colours]
        yield Still(f"PNG with alpha in {name}", png(alphas, 8, 6, before=_iccp(profile)), pure, near=3)
        plte = _iccp(profile) + chunk(b"PLTE", b"".join(map(bytes, colours)))
        yield Still(f"palette in {name}", png([(0,), (1,), (2,), (3,)], 8, 3, before=plte), pure, near=3)
    linear = _opaque(0, 156, 213, 255)
    yield Still("grey PNG, linear", png([(grey,) for grey in GREYS], 8, 0, before=_iccp(LINEAR_GREY)), linear, near=2)
    yield Still(
        "grey PNG in P3", png([(grey,) for grey in GREYS], 8, 0, before=_iccp(DISPLAY_P3)), _opaque(*GREYS), near=2
    )
    for name, profile in (
        ("broken", DISPLAY_P3[:200]),
        ("of grey", LINEAR_GREY),
        ("empty", b""),
        ("text", b"no profile"),
    ):
        yield Still(f"profile {name}", png(COLOURS, 8, 2, before=_iccp(profile)))
    yield Still("profile not compressed", png(COLOURS, 8, 2, before=chunk(b"iCCP", b"name\0\0junk")))
    yield Still("profile without name", png(COLOURS, 8, 2, before=chunk(b"iCCP", b"x" * 200)))
    yield Still("sRGB", png(COLOURS, 8, 2, before=chunk(b"sRGB", b"\0") + chunk(b"gAMA", struct.pack(">I", 45455))))
    yield Still(
        "bomb of a profile", png(COLOURS, 8, 2, before=chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 24))))
    )


def _png_asides() -> Iterator[Still]:
    text = b"Comment\0\0" + zlib.compress(SAYS * 70_000)
    for name, extra in (
        ("long compressed text", chunk(b"zTXt", text)),
        ("much text", chunk(b"tEXt", b"Comment\0" + SAYS) * 500),
        ("broken text", chunk(b"zTXt", b"Comment\0\0" + SAYS) + chunk(b"iTXt", b"x" * 40) + chunk(b"tEXt", b"")),
        ("wrong checksum", chunk(b"tEXt", b"Comment\0" + SAYS, 1) + chunk(b"pHYs", bytes(9), 2)),
        ("broken chunks", chunk(b"pHYs", b"") + chunk(b"tIME", b"\xff") + chunk(b"gAMA", b"") + chunk(b"cHRM", b"1")),
        ("unknown chunks", chunk(b"prVt", SAYS) + chunk(b"vpAg", bytes(9)) + chunk(b"caBX", SAYS * 1000)),
        ("broken EXIF", chunk(b"eXIf", b"II*\0" + b"\xff" * 30) + chunk(b"eXIf", b"")),
        ("empty animation", chunk(b"acTL", struct.pack(">II", 0, 0))),
    ):
        yield Still(f"PNG, {name}", png(COLOURS, 8, 2, before=extra))
        yield Still(f"PNG, {name} behind", png(COLOURS, 8, 2, after=extra))
    whole = png(COLOURS, 8, 2)
    yield Still("PNG without IEND", whole[:-12])
    yield Still("PNG without checksum", whole[:-16])
    yield Still("PNG without Adler", whole[:-20])
    yield Still("PNG, wrong Adler", whole[:-20] + b"1234" + whole[-16:])
    yield Still("interlaced PNG without Adler", png(COLOURS, 8, 2, interlaced=True)[:-20])
    yield Still("PNG, trailing bytes", whole + b"PK\3\4" + SAYS * 100)
    data = whole.index(b"IDAT") + 4
    length = struct.unpack(">I", whole[data - 8 : data - 4])[0]
    body = whole[data : data + length]
    head = whole[: data - 8]
    pieces = b"".join(chunk(b"IDAT", body[at : at + 1]) for at in range(length))
    yield Still(
        "PNG without its last rows", head + chunk(b"IDAT", zlib.compress(zlib.decompress(body)[: -3 * (1 + 3 * WIDTH)]))
    )
    yield Still("PNG, short tRNS", png(COLOURS, 8, 2, before=chunk(b"tRNS", b"\0")))
    yield Still(
        "grey PNG, short tRNS", png([(grey,) for grey in GREYS], 8, 0, before=chunk(b"tRNS", b"")), _opaque(*GREYS)
    )
    twice = chunk(b"eXIf", exif(1)) + chunk(b"eXIf", exif(6)) + _iccp(LINEAR_GREY) + _iccp(ADOBE_RGB)
    yield Still("PNG, second chunks", png(COLOURS, 8, 2, before=twice))
    yield Still("PNG, late chunks", png(COLOURS, 8, 2, after=chunk(b"eXIf", exif(6)) + _iccp(ADOBE_RGB)))
    yield Still("PNG in many pieces", head + chunk(b"IDAT", b"") + pieces + chunk(b"IEND", b""))


def _jpeg_kinds() -> Iterator[Still]:
    image = quarters("RGB")
    for name, options in (
        ("baseline", {}),
        ("progressive", {"progressive": True}),
        ("optimized", {"optimize": True}),
        ("restarts", {"restart_marker_blocks": 1}),
        ("4:4:4", {"subsampling": 0}),
        ("4:2:2", {"subsampling": 1}),
        ("RGB", {"keep_rgb": True}),
    ):
        yield Still(f"JPEG, {name}", saved(image, "JPEG", quality=95, **options), near=12)
    greys = quarters("L", GREYS)
    for progressive in (False, True):
        grey = saved(greys, "JPEG", quality=95, progressive=progressive)
        yield Still(f"grey JPEG, progressive {progressive}", grey, _opaque(*GREYS), near=4)
        # Pillow writes CMYK inverted, with Adobe's mark, as Photoshop does.
        inks = quarters("CMYK", [(*(255 - value for value in colour), 0) for colour in COLOURS])
        cmyk = saved(inks, "JPEG", quality=95, progressive=progressive)
        yield Still(f"CMYK JPEG, progressive {progressive}", cmyk, near=12)
    second = saved(quarters("RGB", list(reversed(COLOURS))), "JPEG", quality=95)
    mpo = saved(image, "MPO", save_all=True, append_images=[Image.open(BytesIO(second))], quality=95)
    yield Still("MPO", mpo, near=12)
    yield Still("MPO with a cut second picture", mpo[:-60], near=12)


def _jpeg_asides() -> Iterator[Still]:
    pure = tuple((*colour, 255) for colour in PURE)
    for name, profile, colours in (("P3", DISPLAY_P3, PURE_IN_P3), ("Adobe RGB", ADOBE_RGB, PURE_IN_ADOBE_RGB)):
        jpeg = saved(quarters("RGB", colours), "JPEG", quality=98, subsampling=0)
        yield Still(f"JPEG in {name}", with_segments(jpeg, *icc_segments(profile)), pure, near=12)
        padded = profile + bytes(70_000)
        yield Still(f"JPEG in {name}, in pieces", with_segments(jpeg, *reversed(icc_segments(padded))), pure, near=12)
    grey = saved(quarters("L", GREYS), "JPEG", quality=98)
    linear = _opaque(0, 156, 213, 255)
    yield Still("grey JPEG, linear", with_segments(grey, *icc_segments(LINEAR_GREY)), linear, near=6)
    inks = quarters("CMYK", [(255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255)])
    cmyk = with_segments(saved(inks, "JPEG", quality=98), *icc_segments(cmyk_profile()))
    white = (255, 255, 255, 255)
    yield Still("CMYK JPEG with a profile", cmyk, ((0, 144, 0, 255), white, white, white), near=20)
    jpeg = saved(quarters("RGB"), "JPEG", quality=95)
    profile = icc_segments(DISPLAY_P3)
    for name, segments in (
        ("broken EXIF", [segment(0xE1, b"Exif\0\0II*\0" + b"\xff" * 50), segment(0xE1, b"Exif\0\0")]),
        ("EXIF twice", [segment(0xE1, b"Exif\0\0" + exif(1)), segment(0xE1, b"Exif\0\0" + exif(6))]),
        ("broken profile", icc_segments(DISPLAY_P3[:150])),
        ("profile of CMYK", icc_segments(cmyk_profile())),
        ("broken MPF", [segment(0xE2, b"MPF\0II*\0" + b"\xff" * 30), segment(0xE2, b"MPF\0")]),
        ("long comment", [segment(0xFE, SAYS * 2000)] * 20),
        ("broken JFIF", [segment(0xE0, b"JFIF\0"), segment(0xE0, b"")]),
        ("broken IPTC", [segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04" + b"\xff" * 10)]),
        ("XMP", [segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta tiff:Orientation='6'>" + SAYS)]),
        ("short Adobe", [segment(0xEE, b"Adobe"), segment(0xEE, b"Adobe\0\x64\0\0\0\0")]),
        ("wrong size of the profile", icc_segments(struct.pack(">I", 9999) + ADOBE_RGB[4:])),
        ("two orientations", [segment(0xE1, b"Exif\0\0" + exif(6).replace(b"\3\0\1\0", b"\3\0\2\0"))]),
        ("fill bytes", [b"\xff\xff\xff" + segment(0xFE, SAYS)]),
        ("piece of a profile", [profile[0][:16] + b"\2\3" + profile[0][18:]]),
    ):
        yield Still(f"JPEG, {name}", with_segments(jpeg, *segments), near=12)
    turned = segment(0xE1, b"Exif\0\0" + exif(6))
    yield Still("JPEG, EXIF behind", jpeg[:-2] + turned + jpeg[-2:], near=12)
    many = b"II*\0" + struct.pack("<IH", 8, 1501) + struct.pack("<HHIHH", 0x9000, 3, 1, 0, 0) * 1500 + exif(6)[10:]
    for name, segments in (
        ("broken EXIF before", [segment(0xE1, b"Exif\0\0"), turned]),
        ("padded EXIF", [segment(0xE1, b"Exif\0\xff" + exif(6))]),
        ("much EXIF", [segment(0xE1, b"Exif\0\0" + many)]),
    ):
        seen = tuple(OPAQUE[place] for place in ORIENTED[6])
        yield Still(f"JPEG, {name}", with_segments(jpeg, *segments), seen, (HEIGHT, WIDTH), near=12)
    yield Still("JPEG without EOI", jpeg[:-2], near=12)
    yield Still("JPEG without half of EOI", jpeg[:-1], near=12)
    yield Still(
        "progressive JPEG without EOI", saved(quarters("RGB"), "JPEG", quality=95, progressive=True)[:-2], near=12
    )
    yield Still("JPEG, trailing bytes", jpeg + SAYS * 1000, near=12)
    tall = saved(quarters("RGB", size=(WIDTH, 640)), "JPEG", quality=95)
    yield Still("JPEG that lacks its last bytes", tall[:-8], size=(WIDTH, 640), near=12)


def _gif() -> Iterator[Still]:
    whole = gif([(1, (0, 0, WIDTH, HEIGHT), 0, 0, None, b"")])
    for missing in (1, 2, 3, 5, 20, 200):
        # Below the rows that it has, there is nothing.
        yield Still(f"GIF without its last {missing} bytes", whole[:-missing], (OPAQUE[1],) * 4)


def _webp() -> Iterator[Still]:
    image = quarters("RGB")
    alpha = quarters("RGBA", ((*COLOURS[0], 255), (*COLOURS[1], 128), (*COLOURS[2], 255), (0, 0, 0, 0)))
    shows = ((*COLOURS[0], 255), (*COLOURS[1], 128), (*COLOURS[2], 255), None)
    lossy = saved(image, "WEBP", quality=95)
    lossless = saved(image, "WEBP", lossless=True)
    yield Still("WebP", lossy, near=12)
    yield Still("lossless WebP", lossless)
    yield Still("WebP with alpha", saved(alpha, "WEBP", quality=95), shows, near=12)
    yield Still("lossless WebP with alpha", saved(alpha, "WEBP", lossless=True), shows)
    (vp8l,) = riff(lossless)
    pure = saved(quarters("RGB", PURE_IN_P3), "WEBP", lossless=True)
    yield Still(
        "WebP in P3", webp(vp8x(0x20), (b"ICCP", DISPLAY_P3), *riff(pure)), tuple((*c, 255) for c in PURE), near=3
    )
    for name, chunks in (
        ("broken profile", [vp8x(0x20), (b"ICCP", b"junk"), vp8l]),
        ("broken EXIF", [vp8x(0x08), vp8l, (b"EXIF", b"II*\0\xff\xff\xff\xff")]),
        ("XMP", [vp8x(0x04), vp8l, (b"XMP ", SAYS * 5000)]),
        ("unknown chunks", [vp8x(0), (b"abcd", SAYS), vp8l, (b"efgh", b"odd")]),
        ("no such metadata", [vp8x(0x2C), vp8l]),
        ("metadata that is not announced", [vp8x(0), (b"ICCP", ADOBE_RGB), vp8l, (b"EXIF", exif(6))]),
    ):
        yield Still(f"WebP, {name}", webp(*chunks))
    yield Still("WebP, trailing bytes", lossless + SAYS * 100)
    odd = vp8l[1] + b"\0" * (1 - len(vp8l[1]) % 2)
    yield Still("WebP without its last padding", webp((b"VP8L", odd))[:-1])
    yield Still("WebP, wrong size", lossless[:4] + struct.pack("<I", len(lossless) + 100) + lossless[8:])


def _orientations() -> Iterator[Still]:
    image = quarters("RGB")
    (vp8l,) = riff(saved(image, "WEBP", lossless=True))
    jpeg = saved(image, "JPEG", quality=95)
    for number, places in ORIENTED.items():
        shows: tuple[Any, ...] = tuple(OPAQUE[place] for place in places)
        size = (WIDTH, HEIGHT) if number < 5 else (HEIGHT, WIDTH)
        for order in ("<", ">"):
            data = exif(number, order)
            turned = with_segments(jpeg, segment(0xE1, b"Exif\0\0" + data))
            yield Still(f"JPEG, orientation {number} {order}", turned, shows, size, near=12)
            yield Still(
                f"PNG, orientation {number} {order}", png(COLOURS, 8, 2, before=chunk(b"eXIf", data)), shows, size
            )
            file = webp(vp8x(0x08), vp8l, (b"EXIF", data))
            yield Still(f"WebP, orientation {number} {order}", file, shows, size)
