"""Every still picture of the corpus comes out with the pixels that a browser shows, and nothing beside them."""

from io import BytesIO

from PIL import Image
from twisted.trial.unittest import SynchronousTestCase

from justchat.workers.codecs import reencode_picture
from tests.support.picture_corpus import SAYS, Still, stills


class Stills(SynchronousTestCase):
    def wrong(self, still: Still) -> str | None:
        """The differences of the written picture from the expected one."""
        try:
            made, _ = reencode_picture(still.file)
        except Exception as error:
            return f"refused: {error!r} {error.__cause__!r}"
        image = Image.open(BytesIO(made))
        if image.size != still.size:
            return f"size {image.size}"
        if SAYS in made or {"exif", "icc_profile", "xmp", "comment"} & image.info.keys():
            return f"served with {image.info}"
        pixels = image.convert("RGBA")
        for number, wanted in enumerate(still.shows):
            x, y = (1 + 2 * (number % 2)) * image.width // 4, (1 + 2 * (number // 2)) * image.height // 4
            found = pixels.getpixel((x, y))
            assert isinstance(found, tuple)
            if wanted is None:
                if found[3]:
                    return f"quarter {number} is {found}, not transparent"
            elif any(abs(a - b) > still.near for a, b in zip(found, wanted, strict=True)):
                return f"quarter {number} is {found}, not {wanted}"
        return None

    def test_corpus(self) -> None:
        """All of them."""
        wrong = {still.name: wrong for still in stills() if (wrong := self.wrong(still))}

        self.assertEqual({}, wrong)
