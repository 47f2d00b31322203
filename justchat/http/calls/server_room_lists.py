"""The calls ``/server/rooms/list`` and ``/server/rooms/show``: what operators see of rooms."""

from collections.abc import Callable
from typing import Literal

from attrs import frozen

from justchat.actions.overview import Overview
from justchat.errors import RoomNotFound
from justchat.http.endpoint import Requester, server_post
from justchat.http.fields import USERS_PER_CALL, Body, IdField, Limit, Offset, SearchedName, ShownMessages
from justchat.http.operator_responses import ListedRoomsAnswer, ShownRoomAnswer
from justchat.model.audit import Actor
from justchat.model.entry import Entry
from justchat.model.ids import Id
from justchat.model.moment import Clock
from justchat.model.room import Room, RoomSearch
from justchat.model.server_key import Scope
from justchat.protocol.documents import listed_room_document, message_document, room_document
from justchat.protocol.operator_documents import operator_user_document

DIRECTIONS = {"created_at": -1, "users": -1, "name": 1}
"""By the value of ``sort``, whether it rises."""


class ListRooms(Body):
    name: SearchedName | None = None
    sort: Literal["created_at", "users", "name"] = "created_at"
    skip: Offset = 0
    limit: Limit = 40


class ShowRoom(Body):
    room: IdField
    messages: ShownMessages = 20


@frozen
class ServerRoomLists:
    """See docs/protocol.rst, "An app's own server"."""

    overview_as: Callable[[Actor], Overview]
    clock: Clock

    @server_post(
        "/server/rooms/list",
        scopes=(Scope.ROOMS, Scope.CONSOLE),
        body=ListRooms,
        example={"name": "club", "skip": 0, "limit": 40},
        answer=ListedRoomsAnswer,
        keeps_answer=False,
    )
    async def list_rooms(self, requester: Requester, body: ListRooms) -> ListedRoomsAnswer:
        """List rooms, the latest first, by a part of their name or all."""
        assert requester.id is not None
        wanted = RoomSearch(
            name=body.name,
            sort=body.sort,
            direction=DIRECTIONS[body.sort],
            per_page=body.limit,
            first=body.skip,
        )
        found = await self.overview_as(requester.actor).list_rooms(wanted, requester.id)
        return {"data": {"rooms": [listed_room_document(room, people=True) for room in found]}}

    # Of the console alone: keys with the scope rooms were made when it let nobody read what is said in private rooms.
    @server_post(
        "/server/rooms/show",
        scopes=(Scope.CONSOLE,),
        body=ShowRoom,
        example={"room": "52ee29b565e203779f2e37f3", "messages": 20},
        answer=ShownRoomAnswer,
        raises=(RoomNotFound,),
        keeps_answer=False,
    )
    async def show_room(self, requester: Requester, body: ShowRoom) -> ShownRoomAnswer:
        """Show a room with its people and latest messages."""
        overview, at = self.overview_as(requester.actor), self.clock()
        room, messages = await overview.show_room(Id(body.room), body.messages)
        people = await overview.users_of(_people(room, messages))
        return {
            "data": {
                "room": room_document(room, at),
                "people": [operator_user_document(user, at) for user in people],
                "messages": list(map(message_document, messages)),
            }
        }


def _people(room: Room, messages: list[Entry]) -> list[Id]:
    """Whom an operator may do something about, those first who are likely to be it."""
    spoke = [message.author for message in reversed(messages)]
    return list(dict.fromkeys([room.admin, *spoke, *room.moderators, *room.silenced_until, *room.users]))[
        :USERS_PER_CALL
    ]
