"""What actions ask of the store of announcements."""

from zope.interface import Interface

from justchat.model.announcement import Announcement, Progress
from justchat.model.ids import Id
from justchat.model.moment import Moment


class IAnnouncements(Interface):
    """The store of announcements. Every method raises DatabaseAway where the database is not available."""

    async def add(announcement: Announcement) -> Announcement:
        """Add an announcement, with about how many people there are; or return the one that has its id already."""

    async def find(announcement: Id) -> Announcement | None:
        """An announcement; None where there is none."""

    async def get(announcement: Id) -> Announcement:
        """An announcement. Raises MessageNotFound."""

    async def count_running(most: int) -> int:
        """The number of running announcements, counted up to ``most``."""

    async def next_running() -> Announcement | None:
        """The oldest announcement that is running."""

    async def latest(limit: int, *, skip: int = 0) -> list[Announcement]:
        """Announcements, the latest first, without the first ``skip``."""

    async def next_receivers(announcement: Announcement, limit: int) -> list[Id]:
        """The next people to tell, in the order of ids: neither the author nor whose account is being deleted."""

    async def advance(announcement: Announcement, after: Id, told: int, skipped: int) -> None:
        """These were told and skipped, up to ``after``; unless another daemon has noted the same already."""

    async def end(announcement: Id, progress: Progress, at: Moment) -> bool:
        """End a running announcement. False where it is not running any more."""
