"""The folder of the sockets by which the workers are joined where no ``[bus] uri`` does."""

import os
import shutil
import tempfile
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from twisted.application.service import Service

from justchat.errors import StartupError
from justchat.runtime.data_dir import BUS_FOLDER, bus_sockets, is_listening
from justchat.runtime.mongod import SOCKET_PATH_LIMIT


class BusFolder(Service):
    """Makes it in the data directory. Where its path is too long for sockets, that is a link to a temporary folder."""

    name = "bus folder"

    def __init__(self, data_dir: Path, workers: int) -> None:
        self._place = data_dir / BUS_FOLDER
        self._names = [f"{number}.sock" for number in range(1, workers + 1)]
        self._temporary: Path | None = None

    @property
    def uris(self) -> tuple[str, ...]:
        """The ``[bus] uri`` of the workers, one each. The first of them is told it before this service starts."""
        return tuple(f"unix://{quote(str(self._folder / name))}" for name in self._names)

    @cached_property
    def _folder(self) -> Path:
        if len(os.fsencode(self._place / self._names[-1])) <= SOCKET_PATH_LIMIT:
            return self._place
        self._temporary = Path(tempfile.mkdtemp(prefix="justchat-"))
        return self._temporary

    def startService(self) -> None:
        """Raises StartupError."""
        if any(map(is_listening, bus_sockets(self._place.parent))):
            raise StartupError(f"--data-dir: the workers of another JustChat use {self._place}")
        super().startService()
        self._remove()
        try:
            if self._folder == self._place:
                self._place.mkdir(mode=0o700)
            else:
                self._place.symlink_to(self._folder)
        except OSError as error:
            raise StartupError(f"--data-dir: {self._place}: {error.strerror}") from error

    def _remove(self) -> None:
        for each in bus_sockets(self._place.parent):
            each.unlink(missing_ok=True)
        if self._place.is_symlink():
            self._place.unlink()
        else:
            with suppress(OSError):  # there is none, or somebody has put something else into it
                self._place.rmdir()

    def stopService(self) -> None:
        """Remove it."""
        if self.running:  # else it is another daemon's
            self._remove()
        super().stopService()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
