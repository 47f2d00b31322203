"""``[auth]``: who may sign in, by phone or with a token of an issuer."""

from typing import Annotated, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate
from pydantic import Field, model_validator

from justchat.config.setting_types import UNREAD, SecretText
from justchat.config.table import Table
from justchat.model.reach import Reach, reach_of

Algorithm = Literal["RS256", "ES256", "EdDSA", "HS256"]
TokenKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | bytes
"""A public key, or the secret of HS256."""
RSA_BITS = range(2048, 8193)
SHORTEST_SECRET = 32
"""Bytes of a secret of HS256 (RFC 7518, section 3.2)."""


def fits(key: object, algorithm: str) -> bool:
    """Whether a key is one of this algorithm, and neither too short nor so long that it takes milliseconds."""
    match algorithm:
        case "RS256":
            return isinstance(key, RSAPublicKey) and key.key_size in RSA_BITS
        case "ES256":
            return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
        case "EdDSA":
            return isinstance(key, Ed25519PublicKey)
        case _:
            return algorithm == "HS256" and isinstance(key, bytes) and len(key) >= SHORTEST_SECRET


def public_key_from(pem: str) -> object:
    """The public key of a PEM file with one, or with a certificate. Raises ValueError."""
    if "PRIVATE KEY" in pem:
        raise ValueError("must be a public key: the daemon only verifies tokens")
    try:
        if "BEGIN CERTIFICATE" in pem:
            return load_pem_x509_certificate(pem.encode()).public_key()
        return load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("must be a public key in PEM") from None


class Issuer(Table):
    """``[[auth.issuers]]``: somebody whose tokens sign users in.

    Errors of a table in an array name the array alone, so that each message names its key.
    """

    issuer: Annotated[str, Field(min_length=1, max_length=255)]
    """The claim ``iss``."""
    audience: Annotated[str, Field(min_length=1)] | tuple[str, ...]
    """The claim ``aud``, or several of which a token needs one."""
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)]
    jwks_url: str | None = None
    public_key: SecretText | None = None
    """A public key in PEM or, for HS256, the shared secret."""
    allow_private: bool = False
    """Whether ``jwks_url`` may lead into a private network. This machine itself needs no leave."""

    @model_validator(mode="after")
    def _is_sound(self) -> "Issuer":
        if (self.jwks_url is None) == (self.public_key is None):
            raise ValueError("needs either jwks_url or public_key")
        if not self.audiences:
            raise ValueError("needs an audience")
        if "HS256" in self.algorithms and (len(self.algorithms) > 1 or self.public_key is None):
            # A public key must never be taken for a secret.
            raise ValueError("HS256 goes with no other algorithm, and with public_key, which is its secret")
        if self.jwks_url is not None:
            try:
                self.jwks_reach()
            except ValueError as error:
                raise ValueError(f"jwks_url {error}") from None
        if self.public_key is not None and self.public_key is not UNREAD:
            try:
                key = self.key()
            except ValueError as error:
                raise ValueError(f"public_key {error}") from None
            if not all(fits(key, algorithm) for algorithm in self.algorithms):
                raise ValueError(
                    f"public_key is no key of {', '.join(self.algorithms)}: RS256 needs RSA of 2048 to 8192 bits, "
                    f"ES256 P-256, EdDSA Ed25519, HS256 a secret of at least {SHORTEST_SECRET} bytes"
                )
        return self

    @property
    def audiences(self) -> tuple[str, ...]:
        return (self.audience,) if isinstance(self.audience, str) else self.audience

    def jwks_reach(self) -> Reach:
        """What a client for ``jwks_url`` may connect to. Raises ValueError."""
        assert self.jwks_url is not None
        return reach_of(self.jwks_url, allow_private=self.allow_private, trust_own_machine=True)

    def key(self) -> object:
        """The key of ``public_key``. Raises ValueError."""
        assert self.public_key is not None
        return self.public_key.encode() if self.algorithms == ("HS256",) else public_key_from(self.public_key)


class AuthSettings(Table):
    """``[auth]``: ``phone`` is whether people sign up and in by phone."""

    phone: bool = True
    issuers: Annotated[tuple[Issuer, ...], Field(max_length=32)] | None = None

    @model_validator(mode="after")
    def _are_distinct(self) -> "AuthSettings":
        names = [each.issuer for each in self.issuers or ()]
        if len(set(names)) < len(names):
            raise ValueError("two issuers have the same issuer")
        return self
