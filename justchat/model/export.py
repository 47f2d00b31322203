"""Exports: archives of what belongs to a user."""

from collections.abc import AsyncIterator, Callable, Sequence
from enum import Enum, StrEnum

from attrs import field, frozen

from justchat.model.ids import Id
from justchat.model.moment import Moment


class ExportStatus(StrEnum):
    """How far an export is. The values are stored."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"
    """It failed several times, and is not tried again."""


@frozen(kw_only=True)
class Export:
    """An export. ``token`` is the secret by which its archive can be fetched until ``expires_at``."""

    id: Id
    user: Id
    token: str = field(repr=False)
    status: ExportStatus
    created_at: Moment
    expires_at: Moment | None = None
    """None until it is ready or has failed."""
    size: int = 0
    """Bytes of the archive."""
    place: str = ""
    """Where the archive is stored."""

    @property
    def name(self) -> str:
        """The file name of the archive."""
        return f"{self.token}.zip"


class Form(Enum):
    """How the rows of a file are written."""

    LINES = "a JSON document in each line"
    ARRAY = "one JSON array"
    OBJECT = "the one row itself"


Rows = Callable[[], Sequence[object]]
"""Makes some rows of a file; to be called in a thread."""


@frozen
class ExportedFile:
    """A file of an archive; ``pages`` reads its rows from the database, some at a time."""

    name: str
    form: Form
    pages: Callable[[], AsyncIterator[Rows]]
