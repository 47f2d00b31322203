"""A release has one version, a section of CHANGES.rst, and a lock of its dependencies."""

import re
from datetime import date
from importlib.metadata import requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
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


class Lock(TestCase):
    def setUp(self) -> None:
        self.text = (PROJECT / "requirements.lock").read_text()
        self.locked = {
            canonicalize_name(name): version
            for name, version in re.findall(r"^([\w.-]+)==(\S+)", self.text, re.MULTILINE)
        }

    def test_up_to_date(self) -> None:
        """It has what setup.py asks for, database included, in releases that setup.py allows. `make requirements`
        mends this.
        """
        required = [Requirement(each) for each in requires("justchat") or ()]
        wanted = {
            canonicalize_name(each.name): each.specifier
            for each in required
            if each.marker is None or each.marker.evaluate({"extra": "embedded"})
        }
        direct = {
            canonicalize_name(name)
            for name, why in re.findall(r"^([\w.-]+)==\S+.*\n((?:    .*\n)+)", self.text, re.MULTILINE)
            if "justchat (setup.py)" in why
        }

        wrong = [name for name, allowed in wanted.items() if not allowed.contains(self.locked.get(name, "0"))]

        self.assertEqual([], wrong, "requirements.lock is older than setup.py: make requirements")
        self.assertEqual(set(wanted), direct, "requirements.lock is older than setup.py: make requirements")

    def test_form(self) -> None:
        """Every release has hashes, and no index is named."""
        for entry in re.split(r"^(?=\w)", self.text, flags=re.MULTILINE)[1:]:
            self.assertIn("--hash=sha256:", entry)
        self.assertNotRegex(self.text, r"://|^-", "an index")
