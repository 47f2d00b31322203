"""Requests to S3 are signed as Amazon's documentation says, and as its SDK does."""

import secrets
from datetime import UTC, datetime
from hashlib import sha256

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SdkCredentials
from twisted.trial.unittest import SynchronousTestCase

from justchat.outbound.s3.signature import Credentials, signed_headers

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


class Signatures(SynchronousTestCase):
    def test_as_the_sdk(self) -> None:
        """Every kind of request has the signature that botocore gives it at the same time."""
        for endpoint in ("https://s3.example.com", "http://127.0.0.1:9000", "https://s3.example.com:8443"):
            for method, path, body in (
                ("PUT", "/pictures/some/prefix_1/0a.png", secrets.token_bytes(100)),
                ("GET", "/pictures/0a.webp", b""),
                ("DELETE", "/pict.ures-1/0a.gif", b""),
                ("HEAD", "/pictures", b""),
            ):
                request = AWSRequest(method, endpoint + path, data=body)
                S3SigV4Auth(SdkCredentials("AKIA", SECRET), "s3", "eu-central-1").add_auth(request)
                time = datetime.strptime(request.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
                digest = request.headers["X-Amz-Content-SHA256"]
                if digest != "UNSIGNED-PAYLOAD":  # the SDK's choice for PUT over TLS
                    self.assertEqual(sha256(body).hexdigest(), digest)
                keys = Credentials("AKIA", SECRET, "eu-central-1")

                ours = signed_headers(keys, method, endpoint + path, digest, time)

                self.assertEqual(request.headers["Authorization"], ours["Authorization"], (method, endpoint))
                self.assertEqual(request.context["timestamp"], ours["x-amz-date"])

    def test_default_port(self) -> None:
        """A port that is the scheme's own is not in the Host header, and so not in the signature."""
        signed = [
            signed_headers(Credentials("a", "b", "c"), "GET", url, "d", datetime(2026, 1, 1, tzinfo=UTC))
            for url in ("https://host:443/x", "https://host/x")
        ]

        self.assertEqual(*signed)
