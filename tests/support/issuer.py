"""An issuer of tokens: its keys, its tokens, and the address of its JWKS on loopback."""

import base64
import hmac
import json
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import get_default_algorithms

from tests.support.gateway import FakeGateway, with_status

NAME, AUDIENCE = "https://id.example.org/", "chat"
ASYMMETRIC = ("RS256", "ES256", "EdDSA")
SECRET = "0123456789abcdef0123456789abcdef"


def new_key(algorithm: str) -> Any:
    """A private key for an algorithm."""
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()


KEYS = {algorithm: new_key(algorithm) for algorithm in ASYMMETRIC}


def pem(key: Any) -> str:
    """The public key in PEM."""
    made: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return made.decode()


def private_pem(key: Any) -> str:
    made: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.decode()


def claims(subject: object = "anna-1", **more: Any) -> dict[str, Any]:
    """Those of a good token; None takes one away."""
    now = int(time.time())
    all = {"iss": NAME, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 300, **more}
    return {name: value for name, value in all.items() if value is not None}


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def token(
    subject: object = "anna-1", *, algorithm: str = "ES256", key: Any = None, headers: Any = None, **more: Any
) -> str:
    """A token, good unless something else is asked for. Made by hand, since libraries refuse to make some."""
    header = {"typ": "JWT", "alg": algorithm, **(headers or {})}
    signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims(subject, **more)).encode())}"
    signing = key if key is not None else SECRET.encode() if algorithm == "HS256" else KEYS[algorithm]
    if algorithm == "HS256":
        signature = hmac.digest(signing, signed.encode(), "sha256")
    else:
        signature = get_default_algorithms()[algorithm].sign(signed.encode(), signing)
    return f"{signed}.{_encoded(signature)}"


def jwk(key: Any, algorithm: str, **more: Any) -> dict[str, Any]:
    made = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
    return {**made, "alg": algorithm, "use": "sig", **more}


class JwksServer(FakeGateway):
    """Serves these keys."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        super().__init__()
        self.serve(*keys)

    def serve(self, *keys: dict[str, Any]) -> None:
        self.answer = with_status(200, json.dumps({"keys": keys}).encode())

    @property
    def url(self) -> str:
        return f"{self.address}/jwks.json"


def issuer_settings(**keys: Any) -> str:
    """The settings of this issuer."""
    table = {"issuer": NAME, "audience": AUDIENCE, "algorithms": ["ES256"], **keys}
    return "[[auth.issuers]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())
