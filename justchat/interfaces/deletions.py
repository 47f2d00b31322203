"""What actions ask of the store about deletions of accounts."""

from zope.interface import Interface

from justchat.model.ids import Id
from justchat.model.moment import Moment


class IDeletions(Interface):
    """The deletions of accounts. Every method raises DatabaseAway where the database is not available.

    A deletion is *requested*, and *begins* once its grace is over and no operator holds it. From then on nothing
    cancels it. Then its user is *erased*, in steps that may be done twice, and the last step removes the user.
    """

    async def request(user: Id, at: Moment) -> Moment:
        """Request the deletion of a user for ``at``, or for an earlier time requested before, which is returned.

        From now on the user is found by nobody. Raises UserNotFound.
        """

    async def parting() -> list[Id]:
        """Users whose deletion was requested a moment ago, and who may still have sessions or be in a room."""

    async def parted(user: Id) -> None:
        """The user has no session and is in no room. Look no longer, if the request is some time ago."""

    async def check(user: Id) -> None:
        """Raises UserNotFound where there is no such user, or their deletion has begun."""

    async def hold(user: Id, until: Moment) -> None:
        """Let no deletion of a user begin before a time. Raises UserNotFound."""

    async def release(user: Id) -> None:
        """Hold a deletion no longer. Raises UserNotFound."""

    async def begin(limit: int) -> None:
        """Begin deletions that are due. Their phones may sign up anew."""

    async def begun(limit: int) -> list[Id]:
        """Users who are to be erased now."""

    async def put_off(user: Id) -> None:
        """Erasing a user failed. Let it be tried again after LATE."""

    async def rest(user: Id) -> bool:
        """A user was erased once. Let it be done once more after LATE, when no call that began before is in progress;
        or, where that is done, remove the user. Returns whether the user is removed.
        """


class IErasure(Interface):
    """What a user left in the database, apart from what they wrote in rooms. Every method raises DatabaseAway.

    Each is a sequence of small steps, and may be called twice.
    """

    async def rooms_of(user: Id) -> list[Id]:
        """Some rooms whose admin is the user."""

    async def erase_words(user: Id, after: Id | None) -> tuple[set[Id], Id | None]:
        """Erase what a user wrote, outside rooms, and quotations of it, in the next entries of the log behind an id.

        Returns the rooms in which they wrote among these entries, and the id behind which the next ones are, None at
        the end.
        """

    async def erase_stream(user: Id) -> bool:
        """Delete some entries of a user's own stream. Returns whether there were any."""

    async def erase_records(user: Id) -> bool:
        """Erase some of what other collections have of a user. Returns whether there may be more."""
