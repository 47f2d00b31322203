"""What an app's own server says: as anybody, in any room, and to anybody who does not block them."""

from attrs import frozen

from justchat.actions.announcing import Announcing
from justchat.actions.direct import DirectMessages
from justchat.actions.messages import Messages
from justchat.actions.removals import MessageRemovals
from justchat.interfaces.audit import RecordDeed
from justchat.interfaces.rooms import IRooms
from justchat.interfaces.users import IUsers
from justchat.model.announcement import Announcement
from justchat.model.audit import Deed
from justchat.model.direct import DirectMessage
from justchat.model.entry import Entry
from justchat.model.ids import OF_SERVER, Id, derived_id, new_id


@frozen(kw_only=True)
class ServerMessages:
    """Messages of an app's own server. ``messages`` lets authors speak by the server's rule.

    Each method raises UserNotFound for an author who does not exist, and Rejected. With a ``client_id`` a message is
    stored once, however often it is sent within a day. ``record`` writes the deed into the audit log.
    """

    users: IUsers
    rooms: IRooms
    messages: Messages
    direct: DirectMessages
    announcing: Announcing
    removals: MessageRemovals

    async def say(
        self, author: Id, room: Id, text: str, ref_message: Id | None, client_id: str | None, record: RecordDeed
    ) -> Entry:
        """Send a message to a room. Raises RoomNotFound, MessageNotFound."""
        await self.rooms.get(room)
        await self.users.exists(author)
        await record(Deed.SEND_MESSAGE, room, f"from {author}")
        return await self.messages.say(author, room, text, ref_message, _own(client_id))

    async def write(self, author: Id, to: Id, text: str, client_id: str | None, record: RecordDeed) -> DirectMessage:
        """Send a direct message. Raises UserNotFound, also for the receiver; Blocked."""
        await self.users.exists(to)
        await self.users.exists(author)
        await record(Deed.SEND_MESSAGE, to, f"from {author}")
        return await self.direct.write(author, to, text, _own(client_id))

    async def announce(self, author: Id, text: str, client_id: str | None, record: RecordDeed) -> Announcement:
        """Send a direct message to everybody. Raises TooManyAnnouncements."""
        id = new_id() if client_id is None else derived_id("announce", author, client_id)
        return await self.announcing.request(id, author, text, record)

    async def remove(self, message: Id, record: RecordDeed) -> None:
        """Remove a message of a room, or a direct one on both sides. Raises MessageNotFound."""
        await self.removals.check_exists(message)
        await record(Deed.REMOVE_MESSAGE, message, None)
        await self.removals.remove_for_operator(message)


def _own(client_id: str | None) -> str | None:
    """A client_id that no user can have used before: see ``user_client_id``."""
    return None if client_id is None else OF_SERVER + client_id
