"""The calls ``/room/…`` for admins and moderators."""

from attrs import frozen

from justchat.actions.moderation import Moderation
from justchat.actions.removals import MessageRemovals
from justchat.errors import Banned, MessageNotFound, Outranked, Rejected, RoomNotFound, UserNotFound
from justchat.http.endpoint import REQUIRED, Requester, post
from justchat.http.fields import Body, IdField, MomentField, OptionalText
from justchat.http.responses import Nothing
from justchat.model.ids import Id


class About(Body):
    """A room and a user."""

    room_id: IdField
    user_id: IdField


class Against(About):
    """A room, a user and the message that is the reason."""

    ref_message: IdField | None = None


class Silence(Against):
    finished: MomentField
    text: OptionalText | None = None


RANKED = (RoomNotFound, UserNotFound, Outranked)
ABOUT_A_MESSAGE = (*RANKED, MessageNotFound)


class RemoveMessage(Body):
    message: IdField


@frozen
class ModerationCalls:
    """See docs/protocol.rst, "Rooms"."""

    moderation: Moderation
    removals: MessageRemovals

    @post(
        "/room/kick",
        body=Against,
        example={
            "room_id": "52ee29b565e203779f2e37f3",
            "user_id": "52efb7baf009c900003731c7",
            "ref_message": "530a30c649b9733ae9af7145",
        },
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=ABOUT_A_MESSAGE,
    )
    async def kick(self, requester: Requester, body: Against) -> Nothing:
        """Remove a user from a room."""
        await self.moderation.kick(requester.user, Id(body.room_id), Id(body.user_id), _message(body))
        return {}

    @post(
        "/room/silence",
        body=Silence,
        example={
            "room_id": "52ee29b565e203779f2e37f3",
            "user_id": "52efb7baf009c900003731c7",
            "finished": 4102444800000,
            "text": "enough",
        },
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(*ABOUT_A_MESSAGE, Rejected),
    )
    async def silence(self, requester: Requester, body: Silence) -> Nothing:
        """Silence a user until a time; a time in the past ends the silence."""
        await self.moderation.silence(
            requester.user, Id(body.room_id), Id(body.user_id), body.finished, body.text, _message(body)
        )
        return {}

    @post(
        "/room/ban",
        body=Against,
        example={
            "room_id": "52ee29b565e203779f2e37f3",
            "user_id": "52efb7baf009c900003731c7",
            "ref_message": "530a30c649b9733ae9af7145",
        },
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=ABOUT_A_MESSAGE,
    )
    async def ban(self, requester: Requester, body: Against) -> Nothing:
        """Remove a user from a room and bar them from entering it."""
        await self.moderation.ban(requester.user, Id(body.room_id), Id(body.user_id), _message(body))
        return {}

    @post(
        "/room/unban",
        body=About,
        example={"room_id": "52ee29b565e203779f2e37f3", "user_id": "52efb7baf009c900003731c7"},
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=RANKED,
    )
    async def unban(self, requester: Requester, body: About) -> Nothing:
        """Allow a user to enter a room again."""
        await self.moderation.unban(requester.user, Id(body.room_id), Id(body.user_id))
        return {}

    @post(
        "/room/add-moderator",
        body=About,
        example={"room_id": "52ee29b565e203779f2e37f3", "user_id": "52efb7baf009c900003731c7"},
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(*RANKED, Banned),
        statuses=(201,),
    )
    async def add_moderator(self, requester: Requester, body: About) -> Nothing:
        """Make a user a moderator."""
        await self.moderation.name_moderator(requester.user, Id(body.room_id), Id(body.user_id))
        return {}

    @post(
        "/room/remove-moderator",
        body=About,
        example={"room_id": "52ee29b565e203779f2e37f3", "user_id": "52efb7baf009c900003731c7"},
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=RANKED,
    )
    async def remove_moderator(self, requester: Requester, body: About) -> Nothing:
        """End a user's rank of moderator."""
        await self.moderation.remove_moderator(requester.user, Id(body.room_id), Id(body.user_id))
        return {}

    @post(
        "/room/remove-message",
        body=RemoveMessage,
        example={"message": "530a30c649b9733ae9af7145"},
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(MessageNotFound, RoomNotFound, Outranked),
    )
    async def remove_message(self, requester: Requester, body: RemoveMessage) -> Nothing:
        """Remove the text of a message, which keeps its place in the history."""
        await self.removals.remove(requester.user, Id(body.message))
        return {}


def _message(body: Against) -> Id | None:
    return None if body.ref_message is None else Id(body.ref_message)
