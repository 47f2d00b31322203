"""Complaints about messages."""

from attrs import frozen

from justchat.actions.presence import checked_room
from justchat.errors import MessageNotFound
from justchat.interfaces.complaints import IComplaints
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.pictures import IPictureRecords
from justchat.interfaces.rooms import IRooms
from justchat.model.complaint import Complaint
from justchat.model.direct import DirectMessage
from justchat.model.entry import Entry
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock
from justchat.model.pictures import pictures_in
from justchat.policy import check_read


@frozen(kw_only=True)
class Complaints:
    """What a user can do about a message they object to."""

    rooms: IRooms
    mailboxes: IMailboxes
    complaints: IComplaints
    pictures: IPictureRecords
    clock: Clock

    async def complain(self, user: Id, message: Id, text: str, idempotency_id: Id | None = None) -> Complaint:
        """Complain about a message that the user can read.

        A retry with the same ``idempotency_id`` returns the first complaint. Raises MessageNotFound, NotInRoom.
        """
        await self.pictures.refer(pictures_in(text))
        id = idempotency_id or new_id()
        complaint = Complaint(
            id=id, author=user, message=await self._find(user, message), text=text, created_at=self.clock()
        )
        return complaint if await self.complaints.add(complaint) else await self.complaints.get(id)

    async def _find(self, user: Id, message: Id) -> Entry | DirectMessage:
        try:
            return await self.mailboxes.get(user, message)
        except MessageNotFound:
            entry = await self.rooms.any_entry(message)
            if entry.is_hidden and entry.author != user:
                raise
        await checked_room(self.rooms, entry.stream, lambda room: check_read(room, user))
        return entry
