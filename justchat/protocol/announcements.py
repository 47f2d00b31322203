"""The document of an announcement."""

from typing_extensions import TypedDict

from justchat.model.announcement import Announcement
from justchat.model.moment import iso


class AnnouncementDocument(TypedDict):
    """A direct message to everybody. ``status`` is "running", "done" or "stopped". ``people`` is about how many get it;
    ``told`` have it; ``skipped`` do not, since one of the two blocks the other.
    """

    _id: str
    author: str
    text: str
    create_at: str
    created_at: str
    status: str
    people: int
    told: int
    skipped: int
    ended_at: str | None


def announcement_document(announcement: Announcement) -> AnnouncementDocument:
    """The document of an announcement."""
    created_at = iso(announcement.created_at)
    return {
        "_id": announcement.id,
        "author": announcement.author,
        "text": announcement.text,
        "create_at": created_at,
        "created_at": created_at,
        "status": announcement.progress.value,
        "people": announcement.people,
        "told": announcement.told,
        "skipped": announcement.skipped,
        "ended_at": None if announcement.ended_at is None else iso(announcement.ended_at),
    }
