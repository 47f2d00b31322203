"""Ids of Engine.IO sessions. Where several workers serve one port, an id begins with the number of its worker."""

import re
import secrets

_NUMBERED = re.compile(r"(\d{1,3})\.")


class SessionIds:
    """The ids of one worker, of so many workers, which are numbered from 1."""

    def __init__(self, worker: int = 1, workers: int = 1) -> None:
        self.worker = worker
        self.workers = workers

    def new(self) -> str:
        """A new id, which cannot be guessed."""
        token = secrets.token_urlsafe(15)
        return token if self.workers == 1 else f"{self.worker}.{token}"

    def other_worker(self, sid: str) -> int | None:
        """The number of the worker that has made an id; None if it is this one, or none."""
        numbered = _NUMBERED.match(sid)
        if numbered is None:
            return None
        worker = int(numbered[1])
        return worker if worker != self.worker and 1 <= worker <= self.workers else None
