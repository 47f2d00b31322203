"""Endpoints, declared once: ``@post("/room/enter", body=Enter, answer=RoomAnswer, session=REQUIRED, raises=(…))``.

From a declaration follow the route, the shape check, the session, the order of checks and the error bodies.
Declarations are values: an area of calls lists its own by ``endpoints_of``, the site is built from that list.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Any, Literal, TypeVar

from attrs import evolve, field, frozen
from pydantic import TypeAdapter

from justchat.errors import ApiError
from justchat.http.fields import Body, ImageBody
from justchat.model.ids import Id
from justchat.model.record import record
from justchat.model.user import Session


class SessionUse(Enum):
    """Whether a call needs a session."""

    REQUIRED = "required"
    KEY_ONLY = "key only"
    """The key must be there, but need not be of a living session."""
    OPTIONAL = "optional"
    """There may be a key; one that is there must be of a living session."""
    NONE = "none"


REQUIRED, KEY_ONLY, OPTIONAL, NONE = SessionUse.REQUIRED, SessionUse.KEY_ONLY, SessionUse.OPTIONAL, SessionUse.NONE


@record
class Requester:
    """Who calls: the session and its key. ``user`` is whose session it is."""

    key: str | None = field(repr=False)
    session: Session | None
    idempotency_id: Id | None = None
    """The same for every time that the call is carried out under one Idempotency-Key; None without one."""
    address: str | None = None
    """Where they call from; None is one who is not counted."""

    @property
    def user(self) -> Any:
        assert self.session is not None
        return self.session.user


@frozen
class Reply:
    """An answer with a status other than the declared one."""

    status: int
    body: Mapping[str, Any]


Rated = Literal["sign_in", "send", "change", "read", "upload"]
"""The class of a call, whose rate ``[limits]`` has by this name."""

Handler = Callable[..., Awaitable[Any]]
H = TypeVar("H", bound=Handler)


@frozen(kw_only=True)
class Endpoint:
    """A call: where it is, what it takes, what it answers, how it can fail.

    ``handler`` takes (requester, body) and returns what ``answer`` says, or a Reply with one of ``statuses``.
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
    """Whether it takes an Idempotency-Key."""
    keeps_answer: bool
    """Whether the answer under a key is kept; else the call is carried out again, which changes nothing."""
    rate: Rated
    answers: "TypeAdapter[Any]" = field(init=False, eq=False)

    @answers.default
    def _adapter(self) -> "TypeAdapter[Any]":
        return TypeAdapter(self.answer)


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
) -> Callable[[H], H]:
    """Declare a method of an area to be a call. The first of ``statuses`` is the usual one.

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
        )
        return handler

    return declare


def endpoints_of(area: object) -> list[Endpoint]:
    """The calls that an area declares, bound to it."""
    declared = [(member.endpoint, name) for name, member in vars(type(area)).items() if hasattr(member, "endpoint")]
    return [evolve(endpoint, handler=getattr(area, name)) for endpoint, name in declared]
