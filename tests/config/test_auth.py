"""The settings of issuers."""

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from twisted.trial.unittest import SynchronousTestCase

from justchat.config.settings import Settings, load_settings
from justchat.errors import StartupError
from tests.support.issuer import KEYS, SECRET, issuer_settings, pem, private_pem


class Issuers(SynchronousTestCase):
    def load(self, toml: str) -> Settings:
        file = self.mktemp()
        with open(file, "w") as written:
            written.write(toml)
        return load_settings(file, {}, None)

    def assert_refused(self, message: str, **keys: Any) -> None:
        with self.assertRaises(StartupError, msg=json.dumps(keys)) as caught:
            self.load(issuer_settings(**keys))
        self.assertRegex(str(caught.exception), rf"\[auth\] issuers.*{message}")
        self.assertNotIn(SECRET, str(caught.exception))

    def test_good(self) -> None:
        for algorithm, key in KEYS.items():
            self.load(issuer_settings(algorithms=[algorithm], public_key=pem(key)))
        self.load(issuer_settings(algorithms=["HS256"], public_key=SECRET, audience=["a", "b"]))
        for url in ("https://id.example.org/jwks", "http://127.0.0.1:8080/jwks", "http://localhost/jwks"):
            self.load(issuer_settings(jwks_url=url))
        self.load(issuer_settings(jwks_url="http://10.0.0.1/jwks", allow_private=True))

    def test_keys(self) -> None:
        """A key must be public, of the algorithm, and strong enough."""
        self.assert_refused("PEM", public_key="no key")
        self.assert_refused("public key", public_key=private_pem(KEYS["ES256"]))
        self.assert_refused("no key of ES256", public_key=pem(KEYS["RS256"]))
        weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        self.assert_refused("no key of RS256", algorithms=["RS256"], public_key=pem(weak))
        self.assert_refused("no key of ES256", public_key=pem(ec.generate_private_key(ec.SECP384R1())))
        self.assert_refused("no key of HS256", algorithms=["HS256"], public_key=SECRET[:31])

    def test_confusion(self) -> None:
        """A public key can never be taken for a secret."""
        self.assert_refused("HS256", algorithms=["HS256", "RS256"], public_key=pem(KEYS["RS256"]))
        self.assert_refused("HS256", algorithms=["HS256"], jwks_url="https://id.example.org/jwks")
        self.assert_refused("", algorithms=["none"], public_key=pem(KEYS["RS256"]))
        self.assert_refused("", algorithms=[], public_key=pem(KEYS["RS256"]))

    def test_incomplete(self) -> None:
        self.assert_refused("either jwks_url or public_key")
        self.assert_refused("either", jwks_url="https://id.example.org/", public_key=pem(KEYS["ES256"]))
        self.assert_refused("audience", audience=[], public_key=pem(KEYS["ES256"]))
        with self.assertRaisesRegex(StartupError, "same issuer"):
            self.load(issuer_settings(public_key=pem(KEYS["ES256"])) * 2)

    def test_private(self) -> None:
        for url in ("http://10.0.0.1/", "http://169.254.169.254/", "http://[::ffff:10.0.0.1]/", "ftp://example.org/"):
            self.assert_refused("jwks_url", jwks_url=url)
