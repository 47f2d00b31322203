"""Sign-in with a token of an issuer: of an app's own back end, or of a provider of identities."""

from attrs import frozen

from justchat.actions.accounts import Accounts
from justchat.errors import Busy, WrongToken
from justchat.interfaces.tokens import ITokens
from justchat.interfaces.users import IUsers
from justchat.metrics.declarations import WRONG_KEYS
from justchat.model.identity import Identity
from justchat.model.ids import Id, new_id
from justchat.model.moment import Clock
from justchat.model.user import User

TRIES = 5
"""Tries to find or add a user whom other calls add, or delete, at the same time."""


@frozen(kw_only=True)
class TokenSignIn:
    """Signs users of issuers in. Each has one account here, which the first sign-in makes."""

    tokens: ITokens
    users: IUsers
    accounts: Accounts
    clock: Clock

    async def sign_in(self, token: str) -> tuple[str, User]:
        """Open a session. Returns its key, and the user. A deletion of the account that has not begun is cancelled.

        Raises WrongToken, Suspended; Unavailable where the issuer's keys cannot be read.
        """
        try:
            identity = await self.tokens.verify(token)
        except WrongToken:
            WRONG_KEYS.count("token")
            raise
        # Of one issuer the subject is the app's own id of the user, by which its server knows them, too.
        external_id = identity.subject if self.tokens.is_one_issuer else None
        for attempt in range(TRIES):
            known = await self.users.find_identity(identity, external_id)
            if known is None:
                # An id that is taken, by a user of an earlier issuer, stays theirs.
                external = external_id if attempt < TRIES - 1 else None
                user = await self._add(identity, external)
                if user is None:  # another call added them
                    continue
                return await self.accounts.open_session(user, WrongToken, by="token")
            self.accounts.check_not_suspended(known.suspension)
            if await self.users.accept_identity(known.user, identity):
                return await self.accounts.open_session(known.user, WrongToken, by="token")
        raise Busy

    async def _add(self, identity: Identity, external_id: str | None) -> Id | None:
        user = User(
            id=new_id(),
            phone=None,
            password="",
            external_id=external_id,
            identity=identity,
            created_at=self.clock(),
        )
        return user.id if await self.users.add(user) else None

    async def check(self, user: Id, token: str) -> None:
        """Raises WrongToken unless the token speaks of this user; Unavailable."""
        identity = await self.tokens.verify(token)
        known = await self.users.find_identity(identity, None)
        if known is None or known.user != user:
            raise WrongToken("the token is another user's")
