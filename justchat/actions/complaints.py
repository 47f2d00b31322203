"""Complaints about messages, users and rooms."""

from datetime import timedelta

from attrs import frozen

from justchat.actions.presence import checked_room
from justchat.errors import BadField, InvalidFields, MessageNotFound
from justchat.interfaces.complaints import IComplaints
from justchat.interfaces.mailboxes import IMailboxes
from justchat.interfaces.pictures import IPictureRecords
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.model.complaint import Complaint, ComplaintReason
from justchat.model.direct import DirectMessage
from justchat.model.entry import Entry
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock
from justchat.model.pictures import pictures_in
from justchat.policy import check_complain

SAME_WITHIN = timedelta(days=1)
"""A user complains about one thing once in this time."""


@frozen(kw_only=True)
class Complaints:
    """What a user can do about what they object to."""

    users: IUsers
    rooms: IRooms
    mailboxes: IMailboxes
    complaints: IComplaints
    pictures: IPictureRecords
    clock: Clock

    async def complain_of_message(self, user: Id, message: Id, reason: ComplaintReason, text: str) -> Complaint:
        """Complain about a message that the user can read. Raises MessageNotFound, NotInRoom.

        This and the others return the user's first complaint about the same thing, if that is less than a day old.
        """
        found = await self._find(user, message)
        room = found.stream if isinstance(found, Entry) else None
        return await self._add(user, reason, text, message=found, whom=found.author, room=room)

    async def complain_of_user(self, user: Id, whom: Id, reason: ComplaintReason, text: str) -> Complaint:
        """Complain about a user. Raises UserNotFound, and InvalidFields for oneself."""
        if whom == user:
            raise InvalidFields((BadField("user", "nobody complains about themselves"),))
        await self.users.exists(whom)
        return await self._add(user, reason, text, whom=whom)

    async def complain_of_room(self, user: Id, room: Id, reason: ComplaintReason, text: str) -> Complaint:
        """Complain about a room. Raises RoomNotFound."""
        return await self._add(user, reason, text, room=(await self.rooms.latest(room)).id)

    async def _add(
        self,
        user: Id,
        reason: ComplaintReason,
        text: str,
        *,
        message: Entry | DirectMessage | None = None,
        whom: Id | None = None,
        room: Id | None = None,
    ) -> Complaint:
        await self.pictures.refer(pictures_in(text))
        complaint = Complaint(
            id=new_id(),
            author=user,
            message=message,
            user=whom,
            room=room,
            reason=reason,
            text=text,
            created_at=self.clock(),
        )
        return await self.complaints.add_once(complaint, SAME_WITHIN)

    async def _find(self, user: Id, message: Id) -> Entry | DirectMessage:
        try:
            return await self.mailboxes.get(user, message)
        except MessageNotFound:
            entry = await self.rooms.any_entry(message)
            if entry.is_hidden and entry.author != user:
                raise
        await checked_room(self.rooms, entry.stream, lambda room: check_complain(room, user, entry.user))
        return entry
