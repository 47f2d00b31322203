"""What actions ask of the hooks of an app's own server."""

from zope.interface import Interface

from justchat.model.draft import Draft


class IBeforeMessage(Interface):
    """The hook that is asked before a text is stored."""

    async def ask(draft: Draft) -> str:
        """The text to store: that of the draft, or another. Raises Rejected."""
