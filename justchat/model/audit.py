"""The audit log: what operators and app's servers did."""

from enum import StrEnum

from attrs import frozen

from justchat.model.ids import Id
from justchat.model.moment import Moment


class ActorKind(StrEnum):
    """Who can do deeds. The values are stored."""

    OPERATOR = "operator"
    """Somebody who runs ``justchat-admin``."""
    KEY = "key"
    """An app's server, by the key that it uses."""
    CONSOLE = "console"
    """An operator in the console, by a key for that alone."""


@frozen
class Actor:
    """Who does a deed: an operator or a key, by name, and the address that it comes from, None on this machine."""

    kind: ActorKind
    name: str
    address: str | None = None


class Deed(StrEnum):
    """What somebody did. The values are stored: never change one."""

    END_SESSIONS = "end sessions"
    SUSPEND = "suspend"
    UNSUSPEND = "unsuspend"
    EXPORT_USER = "export user"
    CORRECT_BALANCE = "correct balance"
    CLOSE_COMPLAINT = "close complaint"
    REOPEN_COMPLAINT = "reopen complaint"
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
    CREATE_ROOM = "create room"
    EDIT_ROOM = "edit room"
    REMOVE_ROOM = "remove room"
    PUT_INTO_ROOM = "put into room"
    KICK = "kick"
    SILENCE = "silence"
    UNSILENCE = "unsilence"
    BAN = "ban"
    UNBAN = "unban"
    SEND_MESSAGE = "send message"
    ADD_COINS = "add coins"
    ANNOUNCE = "announce"
    STOP_ANNOUNCEMENT = "stop announcement"
    ADD_KEY = "add key"
    REVOKE_KEY = "revoke key"
    GET_USER = "get user"
    SEARCH_USERS = "search users"
    CREATE_USER = "create user"
    UPDATE_USER = "update user"
    OPEN_SESSION = "open session"
    LIST_COMPLAINTS = "list complaints"
    TEST_SMS = "test sms"
    REPLAY_WEBHOOKS = "replay webhooks"
    CHANGE_PHONE = "change phone"
    UPGRADE_DATABASE = "upgrade database"
    BACK_UP = "back up"
    RESTORE = "restore"


@frozen(kw_only=True)
class AuditLine:
    """One deed.

    ``whom`` is the id of the user, complaint, gift or other object that it was done to; None for none.
    """

    id: Id
    who: Actor
    at: Moment
    deed: Deed
    whom: Id | None
    why: str | None
