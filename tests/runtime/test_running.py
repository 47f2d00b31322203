"""The note of the daemon that runs on a data directory."""

import json
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from justchat.runtime.running import RUNNING, note_running, note_stopped, read_running


class Note(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def test_noted(self) -> None:
        """It is there while the daemon runs, for its owner alone."""
        self.assertIsNone(read_running(self.folder))

        note_running(self.folder, Path("/etc/chat.toml"), {"http": "tcp:1"})

        found = read_running(self.folder)
        assert found is not None
        self.assertEqual((os.getpid(), "/etc/chat.toml", {"http": "tcp:1"}), (found.pid, found.config, found.endpoints))
        self.assertEqual(0o600, (self.folder / RUNNING).stat().st_mode & 0o777)
        self.assertEqual([RUNNING], os.listdir(self.folder))
        note_stopped(self.folder)
        self.assertEqual([], os.listdir(self.folder))

    def test_left(self) -> None:
        """What a daemon left that was killed is nobody's, also where another process has its number by now."""
        note_running(self.folder, None, {})
        note = json.loads((self.folder / RUNNING).read_text())
        for changed in ({"began": note["began"] - 1}, {"pid": 2**22 + 1}, {"began": 0}, {"more": 1}):
            (self.folder / RUNNING).write_text(json.dumps({**note, **changed}))

            self.assertIsNone(read_running(self.folder), changed)
        (self.folder / RUNNING).write_text("no JSON")
        self.assertIsNone(read_running(self.folder))
