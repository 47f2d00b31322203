"""The call ``/upload``, whose body is not JSON."""

from attrs import frozen

from justchat.actions.uploads import UploadActions
from justchat.errors import DiskFull, NotAnImage, StoreAway, TooLarge
from justchat.http.endpoint import OPTIONAL, Requester, post
from justchat.http.fields import ImageBody
from justchat.http.responses import UploadAnswer


@frozen
class UploadCalls:
    """See docs/protocol.rst, "Complaints and images"."""

    uploads: UploadActions

    @post(
        "/upload",
        body=ImageBody,
        answer=UploadAnswer,
        takes_idempotency_key=True,
        session=OPTIONAL,
        raises=(TooLarge, NotAnImage, DiskFull, StoreAway),
        statuses=(201,),
        rate="upload",
    )
    async def upload(self, requester: Requester, body: ImageBody) -> UploadAnswer:
        """Upload a picture: the form field ``photo``, or the picture itself as the body."""
        user = None if requester.session is None else requester.user
        file = body.file
        return {
            "url": await self.uploads.upload(file.path, file.size, user, requester.address, requester.idempotency_id)
        }
