"""A release has one version, and a section of CHANGES.rst."""

import re
from datetime import date

from twisted.trial.unittest import TestCase

from justchat import __version__
from tests.support.docs import PROJECT

HEADING = re.compile(r"^(\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)\n=+$", re.MULTILINE)


class Releases(TestCase):
    def test_changes(self) -> None:
        """CHANGES.rst has a section for each release with its date, the latest first, which is this one."""
        found = HEADING.findall((PROJECT / "CHANGES.rst").read_text())
        versions = [tuple(map(int, version.split("."))) for version, _ in found]
        dates = [date.fromisoformat(written) for _, written in found]

        self.assertEqual(__version__, found[0][0])
        self.assertEqual((sorted(set(versions), reverse=True), sorted(dates, reverse=True)), (versions, dates))
