"""The calls ``/server/users/…`` and ``/server/sessions/…``, for an app's own server."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from attrs import frozen
from pydantic import ConfigDict, model_validator

from justchat.actions.accounts import Accounts
from justchat.actions.operating import OperatorActions
from justchat.actions.overview import Overview
from justchat.actions.server_users import ServerUsers, UserReference
from justchat.errors import Conflict, Rejected, Suspended, UserNotFound
from justchat.http.calls.accounts import ProfileBody
from justchat.http.endpoint import Reply, Requester, server_post
from justchat.http.fields import (
    USERS_PER_CALL,
    Body,
    ExternalId,
    IdField,
    Ids,
    Limit,
    MomentField,
    Offset,
    PhoneField,
    SearchedNickname,
    Text,
    invalid,
)
from justchat.http.operator_responses import ServerUserAnswer, ServerUsersAnswer
from justchat.http.responses import Nothing, SessionKeyAnswer
from justchat.model.audit import Actor, Deed
from justchat.model.ids import Id
from justchat.model.moment import Clock
from justchat.model.server_key import Scope
from justchat.model.user import User
from justchat.protocol.operator_documents import operator_user_document

NAMES = ("user", "external_id", "phone")


def _given(name: str) -> dict[str, Any]:
    return {"properties": {name: {"type": ["string", "number"]}}, "required": [name]}


class UserBody(Body):
    """A body that names a user by exactly one of three fields."""

    model_config = ConfigDict(json_schema_extra={"oneOf": list(map(_given, NAMES))})
    user: IdField | None = None
    external_id: ExternalId | None = None
    phone: PhoneField | None = None

    @model_validator(mode="after")
    def _one_user(self) -> "UserBody":
        if [getattr(self, name) is None for name in NAMES].count(False) != 1:
            raise invalid("exactly one of user, external_id and phone is required")
        return self

    def reference(self) -> UserReference:
        """The user that is named."""
        user = None if self.user is None else Id(self.user)
        return UserReference(user=user, external_id=self.external_id, phone=self.phone)


class Upsert(ProfileBody):
    model_config = ConfigDict(
        json_schema_extra={"not": {"properties": {"external_id": {"type": "null"}, "phone": {"type": "null"}}}}
    )
    external_id: ExternalId | None = None
    phone: PhoneField | None = None

    @model_validator(mode="after")
    def _named(self) -> "Upsert":
        if self.external_id is None and self.phone is None:
            raise invalid("external_id or phone is required")
        return self


class Search(Body):
    name: SearchedNickname
    skip: Offset = 0
    limit: Limit = 40


class ListUsers(Body):
    users: Ids | None = None
    skip: Offset = 0
    limit: Limit = 40


class SuspendUser(UserBody):
    until: MomentField | None = None
    reason: Text


class DeleteUser(UserBody):
    reason: Text


class UserWithReason(UserBody):
    reason: Text | None = None


@frozen
class ServerUserCalls:
    """See docs/protocol.rst, "An app's own server"."""

    accounts: Accounts
    server_users: ServerUsers
    operating_as: Callable[[Actor], OperatorActions]
    overview_as: Callable[[Actor], Overview]
    clock: Clock

    @server_post(
        "/server/users/upsert",
        scopes=(Scope.USERS,),
        body=Upsert,
        example={"external_id": "customer-17", "nickname": "anna", "location": "Perm"},
        answer=ServerUserAnswer,
        statuses=(201, 200),
        raises=(Rejected, Conflict),
    )
    async def upsert(self, requester: Requester, body: Upsert) -> ServerUserAnswer | Reply:
        """Make a user of the app's own, or change the one that is there."""
        record = self.operating_as(requester.actor).record
        user, created = await self.server_users.upsert(body.external_id, body.phone, body.given(), record)
        answer: ServerUserAnswer = {"data": {"user": operator_user_document(user, self.clock())}}
        return answer if created else Reply(200, answer)

    @server_post(
        "/server/users/get",
        scopes=(Scope.USERS, Scope.CONSOLE),
        body=UserBody,
        example={"user": "52efb7baf009c900003731c7"},
        answer=ServerUserAnswer,
        raises=(UserNotFound,),
        keeps_answer=False,
    )
    async def get(self, requester: Requester, body: UserBody) -> ServerUserAnswer:
        """Show a user to the app's server."""
        found, operating = await self._find(requester, body)
        user = await self.accounts.show(found)
        await operating.record_read(Deed.GET_USER, user.id)
        return {"data": {"user": operator_user_document(user, self.clock())}}

    @server_post(
        "/server/users/search",
        scopes=(Scope.USERS, Scope.CONSOLE),
        body=Search,
        example={"name": "ann", "skip": 0, "limit": 40},
        answer=ServerUsersAnswer,
        keeps_answer=False,
    )
    async def search(self, requester: Requester, body: Search) -> ServerUsersAnswer:
        """Find users by the beginning of their nickname."""
        assert requester.id is not None
        await self.operating_as(requester.actor).record_read(Deed.SEARCH_USERS, None, body.name)
        limit = min(body.limit, USERS_PER_CALL)
        users = await self.server_users.search(body.name, body.skip, limit, requester.id)
        return self._answer(users)

    @server_post(
        "/server/users/list",
        scopes=(Scope.USERS, Scope.CONSOLE),
        body=ListUsers,
        example={"skip": 0, "limit": 40},
        answer=ServerUsersAnswer,
        keeps_answer=False,
    )
    async def list_users(self, requester: Requester, body: ListUsers) -> ServerUsersAnswer:
        """List users, the latest first; or those with these ids."""
        overview = self.overview_as(requester.actor)
        if body.users is not None:
            return self._answer(await overview.users_of([Id(user) for user in body.users]))
        return self._answer(await overview.list_users(body.skip, min(body.limit, USERS_PER_CALL)))

    @server_post(
        "/server/users/suspend",
        scopes=(Scope.USERS, Scope.CONSOLE),
        body=SuspendUser,
        example={"user": "52efb7baf009c900003731c7", "reason": "spam"},
        answer=Nothing,
        raises=(UserNotFound, Conflict),
    )
    async def suspend(self, requester: Requester, body: SuspendUser) -> Nothing:
        """Suspend a user: end their sessions, and let them sign in no more, until a time or for good."""
        user, operating = await self._find(requester, body)
        await operating.suspend(user, body.until, body.reason)
        return {}

    @server_post(
        "/server/users/unsuspend",
        scopes=(Scope.USERS, Scope.CONSOLE),
        body=UserWithReason,
        example={"user": "52efb7baf009c900003731c7"},
        answer=Nothing,
        raises=(UserNotFound,),
    )
    async def unsuspend(self, requester: Requester, body: UserWithReason) -> Nothing:
        """End a user's suspension, if there is one."""
        user, operating = await self._find(requester, body)
        with suppress(Conflict):
            await operating.unsuspend(user, body.reason)
        return {}

    @server_post(
        "/server/users/delete",
        scopes=(Scope.USERS,),
        body=DeleteUser,
        example={"user": "52efb7baf009c900003731c7", "reason": "left the shop"},
        answer=Nothing,
        raises=(UserNotFound,),
    )
    async def delete(self, requester: Requester, body: DeleteUser) -> Nothing:
        """Delete a user's account, after the grace in which signing in cancels that."""
        user, operating = await self._find(requester, body, leaving_too=True)
        await self.server_users.delete(user, body.reason, operating)
        return {}

    @server_post(
        "/server/users/end-sessions",
        scopes=(Scope.USERS, Scope.CONSOLE),
        body=UserWithReason,
        example={"user": "52efb7baf009c900003731c7"},
        answer=Nothing,
        raises=(UserNotFound,),
    )
    async def end_sessions(self, requester: Requester, body: UserWithReason) -> Nothing:
        """End every session of a user, and close their sockets."""
        user, operating = await self._find(requester, body)
        await operating.end_sessions(user, body.reason)
        return {}

    @server_post(
        "/server/sessions/new",
        scopes=(Scope.SESSIONS,),
        body=UserBody,
        example={"user": "52efb7baf009c900003731c7"},
        answer=SessionKeyAnswer,
        statuses=(201,),
        raises=(UserNotFound, Suspended),
        keeps_answer=False,
    )
    async def new_session(self, requester: Requester, body: UserBody) -> SessionKeyAnswer:
        """Open a session for a user whom the app's server has signed in."""
        user, operating = await self._find(requester, body, leaving_too=True)
        key = await self.server_users.open_session(
            user, requester.key or "", requester.idempotency_id, operating.record
        )
        return {"data": {"session_key": key}}

    async def _find(
        self, requester: Requester, body: UserBody, *, leaving_too: bool = False
    ) -> tuple[Id, OperatorActions]:
        """The user that a body names, and what the caller can do about them. ``leaving_too``: also one whose deletion
        was requested. Raises UserNotFound.
        """
        user = await self.server_users.find(body.reference(), leaving_too=leaving_too)
        return user, self.operating_as(requester.actor)

    def _answer(self, users: list[User]) -> ServerUsersAnswer:
        at = self.clock()
        return {"data": {"users": [operator_user_document(user, at) for user in users]}}
