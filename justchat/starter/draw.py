"""Draws the starter set's pictures: ``python justchat/starter/draw.py``. Run by hand; what is shipped is the PNGs."""

from collections.abc import Callable
from math import cos, pi, sin
from pathlib import Path

from PIL import Image, ImageDraw

SIZE, FINER = 128, 4
"""Drawn finer than it is kept, so that edges are smooth."""

Pen = ImageDraw.ImageDraw


def disc(pen: Pen, x: float, y: float, radius: float, color: str) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), color)


def rose(pen: Pen) -> None:
    pen.line((256, 250, 262, 490), "#3a7d34", 18)
    pen.ellipse((265, 345, 375, 395), "#4c9a45")
    pen.ellipse((150, 395, 258, 445), "#4c9a45")
    for turn in range(5):
        angle = 2 * pi * turn / 5 - pi / 2
        disc(pen, 256 + 72 * cos(angle), 165 + 72 * sin(angle), 78, "#c2183a" if turn % 2 else "#d2284a")
    disc(pen, 256, 165, 78, "#e0405f")
    for start, reach in ((200, 60), (20, 42), (160, 24)):
        pen.arc((256 - reach, 165 - reach, 256 + reach, 165 + reach), start, start + 250, "#8f0f29", 11)


def balloon(pen: Pen) -> None:
    pen.arc((236, 340, 296, 500), 90, 270, "#8a8f98", 7)
    pen.polygon(((256, 345), (228, 385), (284, 385)), "#1f5fc4")
    pen.ellipse((126, 30, 386, 362), "#2f7be8")
    pen.ellipse((180, 80, 236, 172), "#8fbcff")


def coffee(pen: Pen) -> None:
    for x in (170, 235, 300):
        pen.arc((x, 40, x + 46, 110), 90, 270, "#b9b1a8", 11)
        pen.arc((x - 24, 90, x + 22, 160), 270, 450, "#b9b1a8", 11)
    pen.ellipse((330, 220, 450, 350), outline="#e9e4dc", width=26)
    pen.rounded_rectangle((110, 190, 380, 420), 70, "#f4f0e9")
    pen.ellipse((110, 165, 380, 235), "#f4f0e9")
    pen.ellipse((132, 178, 358, 224), "#6b4226")
    pen.ellipse((60, 410, 430, 460), "#d9d1c5")


def heart(pen: Pen, color: str = "#e8304f") -> None:
    disc(pen, 166, 186, 112, color)
    disc(pen, 346, 186, 112, color)
    pen.polygon(((75, 250), (256, 470), (437, 250), (256, 170)), color)
    pen.ellipse((105, 120, 185, 190), "#ff8fa1")


def star(pen: Pen) -> None:
    for reach, color in ((236, "#e09a00"), (206, "#ffc62e")):
        corners = [(reach if n % 2 == 0 else reach * 0.42, pi * n / 5 - pi / 2) for n in range(10)]
        pen.polygon([(256 + far * cos(angle), 268 + far * sin(angle)) for far, angle in corners], color)


def cake(pen: Pen) -> None:
    for x in (176, 256, 336):
        pen.rectangle((x - 9, 90, x + 9, 190), "#6fb7e9")
        pen.ellipse((x - 15, 42, x + 15, 98), "#ffb02e")
    pen.rounded_rectangle((86, 180, 426, 440), 30, "#e8b27a")
    pen.rectangle((86, 300, 426, 330), "#fff4e3")
    pen.rounded_rectangle((86, 180, 426, 250), 30, "#f7a8c4")
    for x in range(106, 426, 60):
        disc(pen, x, 248, 30, "#f7a8c4")
    pen.ellipse((46, 425, 466, 470), "#cfd4da")


def bear(pen: Pen) -> None:
    for x in (146, 366):
        disc(pen, x, 130, 66, "#9a6338")
        disc(pen, x, 130, 36, "#d9a878")
    disc(pen, 256, 266, 186, "#ad7242")
    pen.ellipse((166, 270, 346, 420), "#e2ba8e")
    for x in (186, 326):
        disc(pen, x, 230, 23, "#2b1a10")
        disc(pen, x + 7, 222, 8, "#ffffff")
    pen.ellipse((220, 282, 292, 336), "#2b1a10")
    pen.arc((206, 300, 256, 376), 20, 160, "#2b1a10", 10)
    pen.arc((256, 300, 306, 376), 20, 160, "#2b1a10", 10)


def diamond(pen: Pen) -> None:
    top, girdle, foot = (136, 376), 200, (256, 460)
    pen.polygon(((136, 90), (376, 90), (476, girdle), foot, (36, girdle)), "#4cc3e8")
    pen.polygon(((top[0], 90), (196, girdle), (36, girdle)), "#8fe1f7")
    pen.polygon(((top[0], 90), (256, 90), (196, girdle)), "#c4f1fd")
    pen.polygon(((256, 90), (316, girdle), (196, girdle)), "#8fe1f7")
    pen.polygon(((256, 90), (top[1], 90), (316, girdle)), "#6bd3f1")
    pen.polygon(((36, girdle), (196, girdle), foot), "#6bd3f1")
    pen.polygon(((196, girdle), (316, girdle), foot), "#a4e9fa")


PICTURES: tuple[Callable[[Pen], None], ...] = (rose, balloon, coffee, heart, star, cake, bear, diamond)

if __name__ == "__main__":
    for draw in PICTURES:
        image = Image.new("RGBA", (SIZE * FINER, SIZE * FINER))
        draw(ImageDraw.Draw(image))
        file = Path(__file__).with_name(f"{draw.__name__}.png")
        image.resize((SIZE, SIZE), Image.Resampling.LANCZOS).save(file, optimize=True)
