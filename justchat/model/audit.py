"""The audit log: what operators did."""

from enum import StrEnum

from attrs import frozen

from justchat.model.ids import Id
from justchat.model.moment import Moment


class Deed(StrEnum):
    """What an operator did. The values are stored: never change one."""

    END_SESSIONS = "end sessions"
    SUSPEND = "suspend"
    UNSUSPEND = "unsuspend"
    EXPORT_USER = "export user"
    CORRECT_BALANCE = "correct balance"
    CLOSE_COMPLAINT = "close complaint"
    LOAD_GIFT = "load gift"
    EDIT_GIFT = "edit gift"
    WITHDRAW_GIFT = "withdraw gift"
    REMOVE_MESSAGE = "remove message"
    DELETE_USER = "delete user"
    HOLD_DELETION = "hold deletion"
    RELEASE_DELETION = "release deletion"
    MOVE_UPLOADS = "move uploads"
    RELEASE_MESSAGE = "release message"
    DROP_MESSAGE = "drop message"
    ANNOUNCE = "announce"
    STOP_ANNOUNCEMENT = "stop announcement"


@frozen(kw_only=True)
class AuditLine:
    """One deed of an operator. ``who`` is the operator's name.

    ``whom`` is the id of the user, complaint, gift or other object that it was done to; None for none.
    """

    id: Id
    who: str
    at: Moment
    deed: Deed
    whom: Id | None
    why: str | None
