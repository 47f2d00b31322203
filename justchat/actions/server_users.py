"""What an app's own server can do about users, beside what operators can."""

from attrs import frozen

from justchat.errors import UserNotFound
from justchat.interfaces.users import IUsers
from justchat.model.ids import Id
from justchat.model.phone import Phone


@frozen(kw_only=True)
class UserReference:
    """A user by one of three: our id, the app's own, or the phone."""

    user: Id | None = None
    external_id: str | None = None
    phone: Phone | None = None


@frozen(kw_only=True)
class ServerUsers:
    """Users of an app with a server of its own."""

    users: IUsers

    async def find(self, who: UserReference, *, leaving_too: bool = False) -> Id:
        """The id of a user. ``leaving_too``: also of one whose deletion was requested. Raises UserNotFound.

        A user that is named by our id may not exist.
        """
        if who.user is not None:
            return who.user
        id = await self.users.find_id(phone=who.phone, external_id=who.external_id, leaving_too=leaving_too)
        if id is None:
            raise UserNotFound("no user has this external_id" if who.phone is None else "no user has this phone")
        return id
