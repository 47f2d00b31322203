"""What operators ask of the store of who is connected."""

from zope.interface import Interface

from justchat.model.online import Online


class IOnline(Interface):
    """What each process of each daemon has said of its sockets. Every method raises DatabaseAway."""

    async def say(online: Online) -> None:
        """Replace what this process said before."""

    async def end() -> None:
        """This process has stopped. Raises nothing: where the database is away, what it said expires."""

    async def everywhere() -> list[Online]:
        """What all processes said that run, or did half a minute ago."""
