"""The settings of a room, which its admin can change."""

from attrs import field

from justchat.model.record import record

LONGEST_SLOW_MODE = 3600


@record(kw_only=True)
class RoomSettings:
    """What an entry of the kind EDIT_ROOM sets. ``password`` is a hash, or None for an open room. ``slow_mode`` is the
    seconds between two messages of one user; 0 for none.
    """

    name: str
    password: str | None = field(default=None, repr=False)
    max_users: int
    slow_mode: int = 0


@record(kw_only=True)
class RoomEdit:
    """A change of settings: None leaves a setting as it is. ``password`` is as it was written; "" opens the room."""

    name: str | None = None
    password: str | None = field(default=None, repr=False)
    max_users: int | None = None
    slow_mode: int | None = None

    @property
    def is_slow_mode_alone(self) -> bool:
        """Whether it changes nothing but ``slow_mode``."""
        return (self.name, self.password, self.max_users) == (None, None, None)
