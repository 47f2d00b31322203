"""What the doctor's checks find."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from justchat.admin.checks import (
    CheckState,
    Finding,
    certificates,
    clock,
    data_directory,
    database_version,
    defaults,
    disk,
    feature_compatibility,
    open_files,
    proxies,
    settings_file,
    sms_outcomes,
    unjoined_daemons,
)
from justchat.config.settings import Settings, load_settings
from justchat.model.sms_count import SmsCount
from tests.support.starting import ETC

OK, WARNING, WRONG = CheckState.OK, CheckState.WARNING, CheckState.WRONG


class Checks(SynchronousTestCase):
    def settings(self, text: str) -> Settings:
        file = Path(self.mktemp())
        file.write_text(text)
        return load_settings(str(file), {}, self.mktemp())

    def states(self, findings: Iterable[Finding]) -> set[CheckState]:
        return {finding.state for finding in findings}

    def test_data_directory(self) -> None:
        """One that others may read is a warning, one that is the owner's alone is right."""
        settings = self.settings("")
        self.assertEqual({WARNING}, self.states(data_directory(settings)))
        settings.data_dir.mkdir(mode=0o755)
        self.assertEqual({WARNING}, self.states(data_directory(settings)))

        settings.data_dir.chmod(0o700)

        self.assertEqual({OK}, self.states(data_directory(settings)))

    def test_room(self) -> None:
        """A disk with less than uploads need is wrong."""
        full = self.settings(f"[uploads]\nfree_space = {2**60}")

        self.assertEqual({WRONG}, self.states(disk(full)))

    def test_open_files(self) -> None:
        """The limit of this user is looked at where no daemon runs."""
        (finding,) = open_files(self.settings(""))

        self.assertIn("this user may open", finding.what)

    def test_proxies(self) -> None:
        """Everybody as a proxy is wrong; nobody, behind one, or on the open net, is a warning."""
        local = 'endpoint = "tcp:4000:interface=127.0.0.1"\n'
        socket = '[websocket]\nendpoint = "tcp:8000:interface=127.0.0.1"\n'
        for text, state in (
            (f'[http]\n{local}proxies = ["0.0.0.0/0"]\n{socket}', WRONG),
            (f"[http]\n{local}{socket}", WARNING),
            ("", WARNING),
            (f'[http]\n{local}proxies = ["127.0.0.1/32"]\n{socket}', OK),
            ('[http]\nendpoint = "unix:/run/x.sock"\n[websocket]\nendpoint = "unix:/run/y.sock"\n', OK),
        ):
            self.assertEqual({state}, self.states(proxies(self.settings(text))), text)

    def test_defaults(self) -> None:
        """Defaults of the original matter where others reach the daemon."""
        local = (
            '[http]\nendpoint = "tcp:4000:interface=127.0.0.1"\n[websocket]\nendpoint = "tcp:1:interface=\\\\:\\\\:1"\n'
        )

        self.assertIn("show_phones", "".join(each.what for each in defaults(self.settings(""))))
        self.assertEqual([], list(defaults(self.settings(local))))
        self.assertEqual([], list(defaults(load_settings(str(ETC / "justchat.toml"), {}, self.mktemp()))))

    def test_short_key(self) -> None:
        """A key for payments that is found by trying is a warning."""
        for key, is_short in (("secret", True), ("0123456789abcdef" * 4, False)):
            found = defaults(self.settings(f'[payments]\nsecret_key = "{key}"'))
            self.assertEqual(is_short, any("secret_key is short" in each.what for each in found), key)

    def test_unjoined(self) -> None:
        """Several daemons that no bus joins are a warning; workers of one are not."""
        bus = '[bus]\nuri = "redis://127.0.0.1"\n'
        for signs, text, states in (
            (1, "", set()),
            (2, "", {WARNING}),
            (2, "[http]\nworkers = 2", set()),
            (2, bus, set()),
        ):
            self.assertEqual(states, self.states(unjoined_daemons(signs, self.settings(text))), (signs, text))

    def test_clock(self) -> None:
        """Clocks that differ by seconds are a warning, by more they are wrong."""
        for seconds, state in ((0.5, OK), (-5, WARNING), (100, WRONG)):
            self.assertEqual(state, clock(1e9 + seconds, datetime.fromtimestamp(1e9, UTC)).state)

    def test_versions(self) -> None:
        """A series that has ended is a warning, one that lacks what JustChat needs is wrong."""
        for version, state in (("8.0.4", OK), ("7.0.0-rc1", OK), ("6.0.5", WARNING), ("5.0.29", WRONG)):
            self.assertEqual(state, database_version(version).state)

    def test_feature_compatibility(self) -> None:
        """Data of an earlier series than the mongod's are a warning."""
        for series, state in (("7.0", WARNING), ("8.0", OK)):
            self.assertEqual(state, feature_compatibility("8.0.4", series).state)

    def test_sms(self) -> None:
        """SMS that fail are a warning, and wrong where none succeeds; without failures there is nothing to find."""

        def state(**outcomes: int) -> set[CheckState]:
            day = datetime.now(UTC)
            return self.states(sms_outcomes(SmsCount(day, "x", name, count) for name, count in outcomes.items()))

        self.assertEqual(set(), state(accepted=3, delivered=2))
        self.assertEqual({WARNING}, state(accepted=3, unknown=1))
        self.assertEqual({WRONG}, state(misconfigured=1))

    def test_settings_file(self) -> None:
        """Settings that everybody may read are a warning."""
        file = self.mktemp()
        Path(file).touch()
        for mode, state in ((0o644, WARNING), (0o640, OK)):
            os.chmod(file, mode)
            self.assertEqual({state}, self.states(settings_file(file)))

    def test_no_certificates(self) -> None:
        """Without TLS there is nothing to find."""
        self.assertEqual([], list(certificates(self.settings(""))))
