"""Endpoints, declared once: ``@post("/room/enter", body=Enter, answer=RoomAnswer, session=REQUIRED, raises=(…))``.

A declaration gives a call its route, shape check, session, order of checks, errors and OpenAPI operation.
Declarations are values: ``endpoints_of`` lists those of an area, and the app is built from the lists.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar

from attrs import define, evolve, field, frozen
from pydantic import TypeAdapter

from justchat.errors import ApiError
from justchat.http.fields import Body, ImageBody
from justchat.model.audit import Actor, ActorKind
from justchat.model.ids import Id
from justchat.model.record import record
from justchat.model.server_key import Scope, ServerKey
from justchat.model.user import Session


class SessionUse(Enum):
    """Whether a call needs a session."""

    REQUIRED = "required"
    KEY_ONLY = "key only"
    """The call needs a session key, but not that its session is still valid."""
    OPTIONAL = "optional"
    """The call takes a session key; if there is one, its session must be valid."""
    NONE = "none"


REQUIRED, KEY_ONLY, OPTIONAL, NONE = SessionUse.REQUIRED, SessionUse.KEY_ONLY, SessionUse.OPTIONAL, SessionUse.NONE


@record
class Requester:
    """Who makes a call: the session and its key, or an app's server. ``user`` is the session's user."""

    key: str | None = field(repr=False)
    session: Session | None
    idempotency_id: Id | None = None
    """The same whenever the call is carried out under one Idempotency-Key; None without a key."""
    address: str | None = None
    """The client's address; None is not counted."""
    server_key: ServerKey | None = None
    """Of a call that needs a scope."""
    host: str | None = None
    """The whole address of an app's server; None where it is not known."""

    @property
    def user(self) -> Any:
        assert self.session is not None
        return self.session.user

    @property
    def actor(self) -> Actor:
        """Who the audit log says did a call that needs a scope: a key for the console alone is an operator's."""
        assert self.server_key is not None
        kind = ActorKind.CONSOLE if self.server_key.scopes == {Scope.CONSOLE} else ActorKind.KEY
        return Actor(kind, self.server_key.name, self.host)

    @property
    def id(self) -> Id | None:
        """What the caller's Idempotency-Keys belong to: the session or the server key; None without either."""
        if self.server_key is not None:
            return self.server_key.id
        return None if self.session is None else self.session.id


@frozen
class Reply:
    """An answer with a status other than the declared one."""

    status: int
    body: Mapping[str, Any]


Rated = Literal["sign_in", "send", "change", "read", "upload", "server"]
"""The class of a call; ``[limits]`` has a rate of this name."""

Handler = Callable[..., Awaitable[Any]]
H = TypeVar("H", bound=Handler)


@cache
def adapter_of(answer: Any) -> "TypeAdapter[Any]":
    """The adapter of a type of answers. It is made once, though ``evolve`` asks for each endpoint's anew."""
    return TypeAdapter(answer)


@define(kw_only=True, eq=False)
class Endpoint:
    """A call: its path, body, answer and errors.

    ``handler`` takes (requester, body) and returns a value of the type ``answer``, or a Reply with one of ``statuses``.
    A reload of the settings replaces it; nothing else changes.
    """

    path: str
    body: type[Body] | type[ImageBody]
    answer: Any
    session: SessionUse
    raises: tuple[type[ApiError], ...]
    statuses: tuple[int, ...]
    example: Mapping[str, Any]
    summary: str
    handler: Handler
    takes_idempotency_key: bool
    """Whether the call takes an Idempotency-Key."""
    keeps_answer: bool
    """Whether the answer under a key is stored. If not, the call is carried out again, which changes nothing."""
    rate: Rated
    scopes: tuple[Scope, ...]
    """The scopes of which a server key needs one to make the call; none for the calls of users."""
    answer_adapter: "TypeAdapter[Any]" = field(init=False, eq=False)
    """Validates answers against ``answer``."""

    @answer_adapter.default
    def _adapter(self) -> "TypeAdapter[Any]":
        return adapter_of(self.answer)


def post(
    path: str,
    *,
    body: type[Body] | type[ImageBody],
    answer: Any,
    session: SessionUse = REQUIRED,
    raises: tuple[type[ApiError], ...] = (),
    statuses: tuple[int, ...] = (200,),
    example: Mapping[str, Any] = {},
    takes_idempotency_key: bool = False,
    keeps_answer: bool = True,
    rate: Rated = "change",
    scopes: tuple[Scope, ...] = (),
) -> Callable[[H], H]:
    """Declare a method of an area as a call. The first of ``statuses`` is the usual one.

    ``takes_idempotency_key``: the call changes something and takes an Idempotency-Key. Not for calls whose answers
    contain a secret, since the answers are stored. ``example`` is a body without its session key; the tests run it.
    """

    def declare(handler: H) -> H:
        handler.endpoint = Endpoint(  # type: ignore[attr-defined]
            path=path,
            body=body,
            answer=answer,
            session=session,
            raises=raises,
            statuses=statuses,
            example=example,
            summary=(handler.__doc__ or "").strip().partition("\n")[0],
            handler=handler,
            takes_idempotency_key=takes_idempotency_key,
            keeps_answer=keeps_answer,
            rate=rate,
            scopes=scopes,
        )
        return handler

    return declare


def server_post(
    path: str,
    *,
    scopes: tuple[Scope, ...],
    body: type[Body],
    answer: Any,
    raises: tuple[type[ApiError], ...] = (),
    statuses: tuple[int, ...] = (200,),
    example: Mapping[str, Any] = {},
    keeps_answer: bool = True,
) -> Callable[[H], H]:
    """Declare a method of an area as a call of an app's server, which needs a server key with one of ``scopes``.

    Each takes an Idempotency-Key. Not ``keeps_answer``: a call that changes nothing, or whose answer has a secret.
    The method writes what it does into the audit log, as ``requester.actor``.
    """
    return post(
        path,
        body=body,
        answer=answer,
        session=NONE,
        raises=raises,
        statuses=statuses,
        example=example,
        takes_idempotency_key=True,
        keeps_answer=keeps_answer,
        rate="server",
        scopes=scopes,
    )


def endpoints_of(area: object) -> list[Endpoint]:
    """The endpoints that an area declares, with handlers bound to it."""
    declared = [(member.endpoint, name) for name, member in vars(type(area)).items() if hasattr(member, "endpoint")]
    return [evolve(endpoint, handler=getattr(area, name)) for endpoint, name in declared]
