"""What actions ask of the issuers of tokens."""

from zope.interface import Attribute, Interface

from justchat.model.identity import Identity


class ITokens(Interface):
    """Verifies tokens of the configured issuers."""

    is_one_issuer = Attribute("Whether exactly one issuer is configured.")

    async def verify(token: str) -> Identity:
        """Whom a token speaks of. Raises WrongToken; Unavailable where its issuer's keys cannot be read now."""
