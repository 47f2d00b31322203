"""Announcements: a direct message to everybody."""

from enum import StrEnum

from attrs import frozen

from justchat.model.ids import Id
from justchat.model.moment import Moment

EVERYONE = "everyone"
"""The receiver of an announcement, in place of a user's id."""


class Progress(StrEnum):
    """How far an announcement is. The values are stored: never change one."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    """An operator stopped it, or its author's account is being deleted: nobody else is told."""


@frozen(kw_only=True)
class Announcement:
    """A direct message from ``author`` to everybody who had an account at ``created_at``.

    ``people`` is about how many these are. ``told`` have it; ``skipped`` do not, since one of the two blocks the other.
    ``after`` is the last user who was told or skipped, in the order of ids; None before the first.
    """

    id: Id
    author: Id
    text: str
    created_at: Moment
    people: int = 0
    told: int = 0
    skipped: int = 0
    after: Id | None = None
    progress: Progress = Progress.RUNNING
    ended_at: Moment | None = None
