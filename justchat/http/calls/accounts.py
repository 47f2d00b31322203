"""The calls ``/init/…``."""

from attrs import frozen
from pydantic import ConfigDict, field_validator, model_validator

from justchat.actions.accounts import Accounts
from justchat.actions.token_sign_in import TokenSignIn
from justchat.errors import (
    CaptchaFailed,
    CountryNotServed,
    PhoneSignUpOff,
    Rejected,
    SearchOff,
    Suspended,
    UserNotFound,
    WrongKey,
    WrongToken,
)
from justchat.http.endpoint import KEY_ONLY, NONE, REQUIRED, Reply, Requester, post
from justchat.http.fields import (
    USERS_PER_CALL,
    Body,
    CaptchaToken,
    Dob,
    Empty,
    Gender,
    IdField,
    Ids,
    KeyField,
    Limit,
    Name,
    Offset,
    PhoneField,
    Phones,
    PhotoUrl,
    ReachablePhone,
    SearchedNickname,
    SearchSkip,
    Token,
    both,
    invalid,
    neither,
    one_proof,
)
from justchat.http.responses import Nothing, SentGiftsAnswer, SessionsAnswer, SignedInAnswer, UserAnswer, UsersAnswer
from justchat.model.ids import Id
from justchat.model.moment import iso
from justchat.model.phone import Phone
from justchat.model.user import PROFILE_FIELDS, Profile, User
from justchat.protocol.documents import UserDocument, sended_gift_document, user_document


class ProfileBody(Body):
    """The fields that a user may set. An absent field stays unchanged; null empties it."""

    nickname: Name | None = None
    location: Name | None = None
    photo: PhotoUrl | None = None
    dob: Dob = None
    gender: Gender | None = None

    def given(self) -> Profile:
        """The fields that are present in the request."""
        return {field: getattr(self, field) for field in PROFILE_FIELDS if field in self.model_fields_set}


class Register(ProfileBody):
    phone: ReachablePhone
    captcha: CaptchaToken | None = None


class SignIn(Body):
    """``phone`` and ``key``, or the ``jwt`` of an issuer."""

    model_config = ConfigDict(
        validate_default=True,
        json_schema_extra={"not": {"anyOf": [*map(neither, ("phone", "key")), *map(both, ("phone", "key"))]}},
    )

    jwt: Token | None = None
    phone: PhoneField | None = None
    key: KeyField | None = None
    captcha: CaptchaToken | None = None

    _one_proof = field_validator("phone", "key")(one_proof)
    """Of each field, so that an error names the field."""


class Edit(Body):
    user: ProfileBody


class GetUser(Body):
    user_id: IdField | None = None


class GetUsers(Body):
    user_ids: Ids


class SearchUsers(Body):
    nickname: SearchedNickname
    skip: SearchSkip = 0
    limit: Limit = 40


class Gifts(Body):
    user: IdField
    skip: Offset = 0
    limit: Limit = 100


class Invite(Body):
    """``phons`` is the original spelling; ``phones`` is accepted as well."""

    model_config = ConfigDict(
        json_schema_extra={"not": {"properties": {"phons": {"type": "null"}, "phones": {"type": "null"}}}}
    )

    phons: Phones | None = None
    phones: Phones | None = None

    @model_validator(mode="after")
    def _has_phones(self) -> "Invite":
        if self.phons is None and self.phones is None:
            raise invalid("phons is missing")
        return self

    def all(self) -> list[Phone]:
        return [*(self.phons or ()), *(self.phones or ())]


@frozen
class AccountCalls:
    """See docs/protocol.rst, "Account"."""

    accounts: Accounts
    token_sign_in: TokenSignIn
    show_phones: bool
    show_registered: bool

    @post(
        "/init/reg",
        body=Register,
        example={"phone": "+79223438450", "nickname": "anna"},
        answer=Nothing,
        takes_idempotency_key=True,
        session=NONE,
        statuses=(201, 200),
        raises=(CountryNotServed, Rejected, CaptchaFailed, PhoneSignUpOff),
        rate="sign_in",
    )
    async def register(self, requester: Requester, body: Register) -> Nothing | Reply:
        """Sign up by phone, or request a new key by SMS."""
        created = await self.accounts.register(body.phone, body.given(), body.captcha, requester.address)
        return {} if created and self.show_registered else Reply(200, {})

    @post(
        "/init/auth",
        body=SignIn,
        example={"phone": "+79223438450", "key": 123456},
        answer=SignedInAnswer,
        session=NONE,
        raises=(WrongKey, WrongToken, CaptchaFailed, Suspended, PhoneSignUpOff),
        rate="sign_in",
    )
    async def sign_in(self, requester: Requester, body: SignIn) -> SignedInAnswer:
        """Sign in with the key that came by SMS, or with a token of an issuer."""
        if body.jwt is not None:
            key, user = await self.token_sign_in.sign_in(body.jwt)
        else:
            assert body.phone is not None and body.key is not None
            key, user = await self.accounts.sign_in(body.phone, body.key, requester.address, body.captcha)
        return {"data": {"session_key": key, "user": self._document(user, user.id)}}

    @post(
        "/init/edit",
        body=Edit,
        example={"user": {"nickname": "anna", "location": "Perm", "dob": "1990-02-08", "gender": 0}},
        answer=UserAnswer,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(UserNotFound, Rejected),
    )
    async def edit(self, requester: Requester, body: Edit) -> UserAnswer:
        """Change the caller's nickname, location, photo, date of birth or gender."""
        user = await self.accounts.edit(requester.user, body.user.given())
        return {"data": {"user": self._document(user, requester.user)}}

    @post(
        "/init/getUser",
        body=GetUser,
        example={"user_id": "52efb7baf009c900003731c7"},
        answer=UserAnswer,
        session=REQUIRED,
        raises=(UserNotFound,),
        rate="read",
    )
    async def get_user(self, requester: Requester, body: GetUser) -> UserAnswer:
        """Show a user, or the caller if none is named."""
        shown = Id(body.user_id) if body.user_id is not None else requester.user
        user = await self.accounts.show(shown, requester.user)
        return {"data": {"user": self._document(user, requester.user)}}

    @post(
        "/init/getUsers",
        body=GetUsers,
        example={"user_ids": ["52efb7baf009c900003731c7"]},
        answer=UsersAnswer,
        session=REQUIRED,
        rate="read",
    )
    async def get_users(self, requester: Requester, body: GetUsers) -> UsersAnswer:
        """Show several users, in the order in which they are named."""
        ids = list(dict.fromkeys(map(Id, body.user_ids)))
        users = await self.accounts.show_several(ids, requester.user)
        return {"data": {"users": [self._document(user, requester.user) for user in users]}}

    @post(
        "/user/search",
        body=SearchUsers,
        example={"nickname": "ann", "skip": 0, "limit": 40},
        answer=UsersAnswer,
        session=REQUIRED,
        raises=(SearchOff,),
        rate="read",
    )
    async def search(self, requester: Requester, body: SearchUsers) -> UsersAnswer:
        """Find users by the beginning of their nickname."""
        limit = min(body.limit, USERS_PER_CALL)
        users = await self.accounts.search(body.nickname, body.skip, limit, requester.user)
        return {"data": {"users": [self._document(user, requester.user) for user in users]}}

    @post(
        "/user/gifts",
        body=Gifts,
        example={"user": "52efb7baf009c900003731c7", "skip": 0, "limit": 100},
        answer=SentGiftsAnswer,
        session=REQUIRED,
        raises=(UserNotFound,),
        rate="read",
    )
    async def gifts(self, requester: Requester, body: Gifts) -> SentGiftsAnswer:
        """List the gifts that a user received, newest first."""
        gifts, count = await self.accounts.gifts(Id(body.user), body.skip, body.limit, requester.user)
        return {"data": {"gifts": [sended_gift_document(gift) for gift in gifts], "count": count}}

    @post("/init/exit", body=Empty, answer=Nothing, session=KEY_ONLY)
    async def exit(self, requester: Requester, body: Empty) -> Nothing:
        """End the session and close its sockets."""
        await self.accounts.sign_out(requester.key or "")
        return {}

    @post("/init/exit-all", body=Empty, answer=Nothing, session=REQUIRED)
    async def exit_all(self, requester: Requester, body: Empty) -> Nothing:
        """End every session of the caller, including this one."""
        await self.accounts.sign_out_everywhere(requester.user)
        return {}

    @post("/init/sessions", body=Empty, answer=SessionsAnswer, session=REQUIRED, rate="read")
    async def sessions(self, requester: Requester, body: Empty) -> SessionsAnswer:
        """List the caller's sessions."""
        assert requester.session is not None
        return {
            "data": {
                "sessions": [
                    {
                        "_id": session.id,
                        "create_at": iso(session.created_at),
                        "created_at": iso(session.created_at),
                        "seen_at": iso(session.seen_at),
                        "current": session.id == requester.session.id,
                    }
                    for session in await self.accounts.list_sessions(requester.user)
                ]
            }
        }

    @post(
        "/init/invite",
        body=Invite,
        example={"phons": ["+79223438450", 89223434451]},
        answer=Nothing,
        takes_idempotency_key=True,
        session=REQUIRED,
        raises=(CountryNotServed,),
    )
    async def invite(self, requester: Requester, body: Invite) -> Nothing:
        """Invite people by SMS, each at most once a day."""
        await self.accounts.invite(requester.user, body.all(), requester.address)
        return {}

    def _document(self, user: User, viewer: Id) -> UserDocument:
        return user_document(user, viewer, show_phones=self.show_phones)
