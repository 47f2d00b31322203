"""The call for an archive of what belongs to a user."""

from attrs import frozen

from justchat.actions.exports import Exports
from justchat.errors import ExportNotFound
from justchat.http.endpoint import REQUIRED, Reply, Requester, post
from justchat.http.fields import Body, IdField
from justchat.http.responses import ExportAnswer
from justchat.model.export import Export, ExportStatus
from justchat.model.ids import Id
from justchat.model.moment import iso


class ExportBody(Body):
    export: IdField | None = None


@frozen
class ExportCalls:
    """See docs/protocol.rst, "Taking one's data along"."""

    exports: Exports

    @post(
        "/user/export",
        body=ExportBody,
        answer=ExportAnswer,
        session=REQUIRED,
        raises=(ExportNotFound,),
        statuses=(202, 200),
    )
    async def export(self, requester: Requester, body: ExportBody) -> ExportAnswer | Reply:
        """Ask for an archive of what belongs to the caller, or see how far one is."""
        if body.export is None:
            return _answer(await self.exports.ask(requester.user))
        return Reply(200, _answer(await self.exports.get(requester.user, Id(body.export))))


def _answer(export: Export) -> ExportAnswer:
    ready = export.status is ExportStatus.READY
    return {
        "data": {
            "export": {
                "_id": export.id,
                "status": export.status.value,
                "url": f"exports/{export.name}" if ready else None,
                "expires_at": iso(export.expires_at) if ready and export.expires_at is not None else None,
            }
        }
    }
