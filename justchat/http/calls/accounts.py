"""The calls ``/init/…``."""

from attrs import frozen

from justchat.actions.accounts import Accounts
from justchat.documents import UserDocument, user_document
from justchat.errors import UserNotFound, WrongKey
from justchat.http.answers import Nothing, SignedInAnswer, UserAnswer
from justchat.http.endpoint import KEY_ONLY, NONE, REQUIRED, Reply, Requester, post
from justchat.http.fields import Body, Dob, Empty, Gender, IdField, KeyField, Name, PhoneField, PhotoUrl
from justchat.model.ids import Id
from justchat.model.user import PROFILE_FIELDS, Profile, User


class ProfileBody(Body):
    """What a user may fill in; what is absent stays as it is, null empties a field."""

    nickname: Name | None = None
    location: Name | None = None
    photo: PhotoUrl | None = None
    dob: Dob = None
    gender: Gender | None = None

    def given(self) -> Profile:
        """The fields that the request has."""
        return {field: getattr(self, field) for field in PROFILE_FIELDS if field in self.model_fields_set}


class Register(ProfileBody):
    phone: PhoneField


class SignIn(Body):
    phone: PhoneField
    key: KeyField


class Edit(Body):
    user: ProfileBody


class GetUser(Body):
    user_id: IdField | None = None


@frozen
class AccountCalls:
    """See docs/protocol.rst, "Account"."""

    accounts: Accounts
    show_phones: bool

    @post("/init/reg", body=Register, answer=Nothing, session=NONE, statuses=(201, 200))
    async def register(self, body: Register) -> Nothing | Reply:
        """Sign up by phone, or have a new key sent to it."""
        created = await self.accounts.register(body.phone, body.given())
        return {} if created else Reply(200, {})

    @post("/init/auth", body=SignIn, answer=SignedInAnswer, session=NONE, raises=(WrongKey,))
    async def sign_in(self, body: SignIn) -> SignedInAnswer:
        """Sign in with the key that came by SMS."""
        key, user = await self.accounts.sign_in(body.phone, body.key)
        return {"data": {"session_key": key, "user": self._document(user, user.id)}}

    @post("/init/edit", body=Edit, answer=UserAnswer, session=REQUIRED, raises=(UserNotFound,))
    async def edit(self, requester: Requester, body: Edit) -> UserAnswer:
        """Change one's nickname, location, photo, date of birth or gender."""
        user = await self.accounts.edit(requester.user, body.user.given())
        return {"data": {"user": self._document(user, requester.user)}}

    @post("/init/getUser", body=GetUser, answer=UserAnswer, session=REQUIRED, raises=(UserNotFound,))
    async def get_user(self, requester: Requester, body: GetUser) -> UserAnswer:
        """Show a user; the caller, where none is named."""
        user = await self.accounts.show(Id(body.user_id) if body.user_id is not None else requester.user)
        return {"data": {"user": self._document(user, requester.user)}}

    @post("/init/exit", body=Empty, answer=Nothing, session=KEY_ONLY)
    async def exit(self, requester: Requester, body: Empty) -> Nothing:
        """End the session and close its sockets."""
        await self.accounts.sign_out(requester.key)
        return {}

    def _document(self, user: User, viewer: Id) -> UserDocument:
        return user_document(user, viewer, show_phones=self.show_phones)
