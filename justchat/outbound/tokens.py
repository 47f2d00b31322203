"""Verifies tokens of the configured issuers: JSON Web Tokens (RFC 7519), with the checks of RFC 8725."""

from collections.abc import Callable, Sequence
from typing import Any

import jwt
from jwt.exceptions import PyJWTError
from zope.interface import implementer

from justchat.config.auth import Issuer
from justchat.errors import WrongToken
from justchat.interfaces.tokens import ITokens
from justchat.model.identity import LONGEST_SUBJECT, Identity
from justchat.outbound.http_client import HttpClient
from justchat.outbound.jwks import JwksKeys, KeySource, OneKey

LONGEST_TOKEN = 8192
"""Characters. Longer tokens are refused before they are parsed."""
SKEW = 60
"""Seconds by which the clocks of an issuer and of this machine may differ."""
MOST_TRIED = 4
"""Keys that are tried for a token that names none."""
TIMEOUT = 5.0
"""Seconds that a JWKS address has for its answer."""
JWKS_LIMIT = 256 * 1024
"""Bytes of a JWKS."""
_REQUIRED = ("exp", "iss", "aud", "sub")


@implementer(ITokens)
class NoTokens:
    """Without issuers."""

    is_one_issuer = False

    async def verify(self, token: str) -> Identity:
        raise WrongToken("this server accepts no tokens")


@implementer(ITokens)
class Tokens:
    """See ITokens. A signature takes some 0.1 ms to verify, so that no thread is needed."""

    def __init__(self, issuers: Sequence[Issuer], reactor: Any) -> None:
        self._issuers = {each.issuer: (each, _key_source(each, reactor, reactor.seconds)) for each in issuers}
        self.is_one_issuer = len(self._issuers) == 1

    async def verify(self, token: str) -> Identity:
        if len(token) > LONGEST_TOKEN or not token.isascii():
            raise WrongToken
        header, claims = _unverified(token)
        name = claims.get("iss")
        found = self._issuers.get(name) if isinstance(name, str) else None
        if found is None:
            raise WrongToken("the token is of another issuer")
        issuer, keys = found
        algorithm, kid = header.get("alg"), header.get("kid")
        # What "crit" names changes what a token means, and we know none of it (RFC 7515, section 4.1.11).
        if algorithm not in issuer.algorithms or "crit" in header or not (kid is None or isinstance(kid, str)):
            raise WrongToken
        candidates = await keys.find(kid, algorithm)
        for key in candidates[:MOST_TRIED]:
            subject = _verified(token, key, algorithm, issuer)
            if subject is not None:
                return Identity(issuer.issuer, subject)
        raise WrongToken


def _key_source(issuer: Issuer, reactor: Any, seconds: Callable[[], float]) -> KeySource:
    if issuer.jwks_url is None:
        return OneKey(issuer.key())
    client = HttpClient(
        f"the JWKS address of {issuer.issuer}", TIMEOUT, reactor, answer_limit=JWKS_LIMIT, reach=issuer.jwks_reach()
    )
    return JwksKeys(issuer.jwks_url, issuer.algorithms, client, seconds)


def _unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and claims of a token whose signature is not verified yet. Raises WrongToken."""
    try:
        found = jwt.decode_complete(token, options={"verify_signature": False})
    except (PyJWTError, ValueError, TypeError, RecursionError):
        raise WrongToken from None
    return found["header"], found["payload"]


def _verified(token: str, key: Any, algorithm: str, issuer: Issuer) -> str | None:
    """The subject of a token that this key signed; None for another signature. Raises WrongToken."""
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=issuer.audiences,
            issuer=issuer.issuer,
            leeway=SKEW,
            options={"require": list(_REQUIRED)},
        )
    except jwt.InvalidSignatureError:
        return None
    except jwt.ExpiredSignatureError:
        raise WrongToken("the token has expired") from None
    except jwt.InvalidAudienceError:
        raise WrongToken("the token is for another audience") from None
    except (PyJWTError, ValueError, TypeError, OverflowError):
        raise WrongToken from None
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or "\0" in subject:
        raise WrongToken
    return subject
