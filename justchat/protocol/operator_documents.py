"""The documents that operators and app's servers see: in their calls, and in the output of ``justchat-admin``."""

from collections.abc import Sequence

from typing_extensions import TypedDict

from justchat.metrics.declarations import LOG_SECONDS
from justchat.model.audit import AuditLine
from justchat.model.complaint import Complaint
from justchat.model.load import LoadPoint
from justchat.model.moment import Moment, iso
from justchat.model.online import Online
from justchat.model.server_key import ServerKey
from justchat.model.user import Suspension, User
from justchat.model.webhook import WebhookStatus
from justchat.protocol.documents import ComplaintDocument, UserDocument, complaint_document, user_document


class SuspensionDocument(TypedDict):
    """The present suspension of a user; ``until`` is null for one without an end."""

    since: str
    until: str | None
    reason: str


class ServerUserDocument(UserDocument):
    """A user as an app's server sees them. ``external_id`` is the app's own id of the user."""

    external_id: str | None


class OperatorUserDocument(ServerUserDocument):
    """A user as operators and app's servers see them; ``suspension`` is null for who is not suspended."""

    suspension: SuspensionDocument | None


class ServerComplaintDocument(ComplaintDocument):
    """A complaint as operators and app's servers see it: with when it was closed, and what was done about it."""

    closed_at: str | None
    note: str | None


class KeyDocument(TypedDict):
    """A server key without the key itself."""

    _id: str
    name: str
    scopes: list[str]
    networks: list[str]
    create_at: str
    used_at: str | None
    used_from: str | None
    revoked_at: str | None


class WebhookDocument(TypedDict):
    """A webhook: what waits for it, what is dead, and what went wrong last."""

    _id: str
    server: str
    events: list[str]
    pending: int
    oldest: str | None
    dead: int
    delivered: int
    lost: int
    error: str | None
    error_at: str | None


AuditDocument = TypedDict(
    "AuditDocument",
    {
        "_id": str,
        "who": str,
        "kind": str,
        "when": str,
        "deed": str,
        "whom": str | None,
        "from": str | None,
        "why": str | None,
    },
)
"""A line of the audit log."""


def whole_user_document(user: User) -> UserDocument | ServerUserDocument:
    """A user as operators and the user's own archive have them: with the app's id, if there is one."""
    return server_user_document(user) if user.external_id else user_document(user, user.id, show_phones=True)


def server_user_document(user: User) -> ServerUserDocument:
    """A user as an app's server sees them: as they see themselves, and the app's id."""
    return {**user_document(user, user.id, show_phones=True), "external_id": user.external_id}


class LoadDocument(TypedDict):
    """A span of time that begins at ``at``. ``p50`` and ``p99``, in milliseconds, are null without any entry."""

    at: str
    sockets: float
    entries: int
    errors: int
    p50: float | None
    p99: float | None


class OpenSocketsDocument(TypedDict):
    websocket: int
    socketio: int


class ProcessDocument(TypedDict):
    """A process of a daemon."""

    host: str
    pid: int
    since: str
    version: str
    sockets: OpenSocketsDocument
    users: int
    parts: dict[str, str]


class OverviewNowDocument(TypedDict):
    """How everything is now."""

    at: str
    version: str
    sockets: OpenSocketsDocument
    users_online: int
    users: int
    rooms: int
    entries_per_second: float
    open_complaints: int
    held_messages: int
    parts: dict[str, str]


def load_document(point: LoadPoint) -> LoadDocument:
    """The document of a point of a plot."""
    return {
        "at": iso(point.at),
        "sockets": round(point.sockets, 1),
        "entries": point.entries,
        "errors": point.errors,
        "p50": _milliseconds(LOG_SECONDS.quantile(0.5, point.batches)),
        "p99": _milliseconds(LOG_SECONDS.quantile(0.99, point.batches)),
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


def process_document(process: Online) -> ProcessDocument:
    """The document of a process."""
    return {
        "host": process.host,
        "pid": process.pid,
        "since": iso(process.started_at),
        "version": process.version,
        "sockets": open_sockets_document([process]),
        "users": process.users,
        "parts": dict(process.parts),
    }


def open_sockets_document(processes: Sequence[Online]) -> OpenSocketsDocument:
    """How many sockets these processes have."""
    return {
        "websocket": sum(process.open.get("websocket", 0) for process in processes),
        "socketio": sum(process.open.get("socketio", 0) for process in processes),
    }


def operator_user_document(user: User, at: Moment) -> OperatorUserDocument:
    """A user as operators and app's servers see them at a moment."""
    return {**server_user_document(user), "suspension": suspension_document(user.suspension, at)}


def suspension_document(suspension: Suspension | None, at: Moment) -> SuspensionDocument | None:
    """The document of a suspension; None for one that has ended by then."""
    if suspension is None or not suspension.holds(at):
        return None
    until = None if suspension.until is None else iso(suspension.until)
    return {"since": iso(suspension.since), "until": until, "reason": suspension.reason}


def server_complaint_document(complaint: Complaint) -> ServerComplaintDocument:
    """The document of a complaint for operators and app's servers."""
    closed_at = None if complaint.closed_at is None else iso(complaint.closed_at)
    return {**complaint_document(complaint), "closed_at": closed_at, "note": complaint.note}


def key_document(key: ServerKey) -> KeyDocument:
    """The document of a server key."""
    return {
        "_id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "networks": list(key.networks),
        "create_at": iso(key.created_at),
        "used_at": None if key.used_at is None else iso(key.used_at),
        "used_from": key.used_from,
        "revoked_at": None if key.revoked_at is None else iso(key.revoked_at),
    }


def webhook_document(status: WebhookStatus) -> WebhookDocument:
    """The document of a webhook."""
    return {
        "_id": status.id,
        "server": status.server,
        "events": list(status.events),
        "pending": status.pending,
        "oldest": None if status.oldest is None else iso(status.oldest),
        "dead": status.dead,
        "delivered": status.delivered,
        "lost": status.lost,
        "error": status.error,
        "error_at": None if status.error_at is None else iso(status.error_at),
    }


def audit_document(line: AuditLine) -> AuditDocument:
    """The document of a line of the audit log."""
    return {
        "_id": line.id,
        "who": line.who.name,
        "kind": line.who.kind.value,
        "when": iso(line.at),
        "deed": line.deed.value,
        "whom": line.whom,
        "from": line.who.address,
        "why": line.why,
    }
