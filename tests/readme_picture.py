"""The README's picture, taken anew: two people in a room of the web client. ``make picture`` runs this."""

from twisted.trial.unittest import TestCase

from tests.support.daemon import Daemon
from tests.support.docs import PROJECT
from tests.support.first_minute import two_who_talk
from tests.support.javascript import built

PICTURE = PROJECT / "docs" / "web-client.png"
LARGEST = 100_000
"""Bytes."""


class Picture(TestCase):
    timeout = 300

    async def test_picture(self) -> None:
        """It shows the messages of both, and is small."""
        await built("web")
        daemon = await Daemon().start()
        self.addCleanup(daemon.remove)
        async with two_who_talk(f"http://127.0.0.1:{daemon.http}/") as window:
            await window.scheme("light")
            size = {"width": 760, "height": 460, "deviceScaleFactor": 1, "mobile": False}
            await window.tell("Emulation.setDeviceMetricsOverride", **size)
            await window.picture(PICTURE)

        self.assertLess(PICTURE.stat().st_size, LARGEST)
