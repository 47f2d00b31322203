"""``/server/overview``, and the calls about the audit log, webhooks and announcements, for the operators' console."""

from collections.abc import Callable

from attrs import frozen

from justchat import __version__
from justchat.actions.operating import OperatorActions
from justchat.actions.overview import Overview, OverviewState
from justchat.errors import Conflict, MessageNotFound, NotFound
from justchat.http.endpoint import Requester, server_post
from justchat.http.fields import Body, Empty, IdField, Limit, Offset
from justchat.http.operator_responses import (
    AnnouncementsAnswer,
    AuditAnswer,
    OverviewAnswer,
    ReplayedAnswer,
    WebhooksAnswer,
)
from justchat.http.responses import AnnouncementAnswer
from justchat.model.audit import Actor
from justchat.model.ids import Id
from justchat.model.moment import iso
from justchat.model.server_key import Scope
from justchat.protocol.announcements import announcement_document
from justchat.protocol.operator_documents import (
    OverviewNowDocument,
    audit_document,
    load_document,
    open_sockets_document,
    process_document,
    webhook_document,
)


class ListDeeds(Body):
    whom: IdField | None = None
    skip: Offset = 0
    limit: Limit = 100


class ReplayWebhooks(Body):
    webhook: IdField | None = None


class ListAnnouncements(Body):
    skip: Offset = 0
    limit: Limit = 100


class StopAnnouncement(Body):
    announcement: IdField


@frozen
class ServerConsoleCalls:
    """See docs/protocol.rst, "An app's own server"."""

    operating_as: Callable[[Actor], OperatorActions]
    overview_as: Callable[[Actor], Overview]

    @server_post(
        "/server/overview",
        scopes=(Scope.CONSOLE,),
        body=Empty,
        answer=OverviewAnswer,
        keeps_answer=False,
    )
    async def overview(self, requester: Requester, body: Empty) -> OverviewAnswer:
        """Show how all daemons are, and what their load was in the last hour and day."""
        assert requester.id is not None
        state = await self.overview_as(requester.actor).state(requester.id)
        return {
            "data": {
                "now": _now(state),
                "processes": list(map(process_document, state.processes)),
                "hour": list(map(load_document, state.hour)),
                "day": list(map(load_document, state.day)),
            }
        }

    @server_post(
        "/server/audit/list",
        scopes=(Scope.CONSOLE,),
        body=ListDeeds,
        example={"skip": 0, "limit": 100},
        answer=AuditAnswer,
        keeps_answer=False,
    )
    async def list_deeds(self, requester: Requester, body: ListDeeds) -> AuditAnswer:
        """List what operators and app's servers did, the latest first."""
        whom = None if body.whom is None else Id(body.whom)
        lines = await self.operating_as(requester.actor).list_deeds(body.limit, whom, skip=body.skip)
        return {"data": {"audit": list(map(audit_document, lines))}}

    @server_post(
        "/server/webhooks/list",
        scopes=(Scope.CONSOLE,),
        body=Empty,
        answer=WebhooksAnswer,
        keeps_answer=False,
    )
    async def list_webhooks(self, requester: Requester, body: Empty) -> WebhooksAnswer:
        """List the webhooks of the daemon: what waits, what is dead, and the last error."""
        found = await self.operating_as(requester.actor).list_webhooks()
        return {"data": {"webhooks": list(map(webhook_document, found))}}

    @server_post(
        "/server/webhooks/replay",
        scopes=(Scope.CONSOLE,),
        body=ReplayWebhooks,
        example={},
        answer=ReplayedAnswer,
        raises=(NotFound,),
    )
    async def replay(self, requester: Requester, body: ReplayWebhooks) -> ReplayedAnswer:
        """Send dead deliveries once more, of one webhook or of all."""
        webhook = None if body.webhook is None else Id(body.webhook)
        return {"data": {"replayed": await self.operating_as(requester.actor).replay_webhooks(webhook)}}

    @server_post(
        "/server/announcements/list",
        scopes=(Scope.MESSAGES, Scope.CONSOLE),
        body=ListAnnouncements,
        example={"skip": 0, "limit": 100},
        answer=AnnouncementsAnswer,
        keeps_answer=False,
    )
    async def list_announcements(self, requester: Requester, body: ListAnnouncements) -> AnnouncementsAnswer:
        """List announcements, the latest first, and how many people were told."""
        found = await self.operating_as(requester.actor).list_announcements(body.limit, skip=body.skip)
        return {"data": {"announcements": list(map(announcement_document, found))}}

    @server_post(
        "/server/announcements/stop",
        scopes=(Scope.MESSAGES, Scope.CONSOLE),
        body=StopAnnouncement,
        example={"announcement": "530a30c649b9733ae9af7149"},
        answer=AnnouncementAnswer,
        raises=(MessageNotFound, Conflict),
    )
    async def stop_announcement(self, requester: Requester, body: StopAnnouncement) -> AnnouncementAnswer:
        """Stop an announcement: nobody else is told."""
        stopped = await self.operating_as(requester.actor).stop_announcement(Id(body.announcement))
        return {"data": {"announcement": announcement_document(stopped)}}


def _now(state: OverviewState) -> OverviewNowDocument:
    last = state.hour[-1].entries if state.hour else 0
    return {
        "at": iso(state.at),
        "version": __version__,
        "sockets": open_sockets_document(state.processes),
        "users_online": state.users_online,
        "users": state.users,
        "rooms": state.rooms,
        "entries_per_second": round(last / 60, 2),
        "open_complaints": state.complaints,
        "held_messages": state.held,
        "parts": dict(state.parts),
    }
