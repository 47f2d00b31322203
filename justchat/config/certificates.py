"""Files of certificates that settings name."""

from typing import Any

from OpenSSL.crypto import Error
from twisted.internet.ssl import Certificate, trustRootFromCertificates

_END = b"-----END CERTIFICATE-----"


def read_authorities(file: str) -> Any:
    """The authorities in a PEM file, as Twisted trusts them.

    Raises OSError, and ValueError where the file has no certificate or one that cannot be read.
    """
    with open(file, "rb") as opened:
        pem = opened.read()
    try:
        certificates = [Certificate.loadPEM(part + _END) for part in pem.split(_END)[:-1]]
    except Error:
        raise ValueError(f"{file}: has a certificate that cannot be read") from None
    if not certificates:
        raise ValueError(f"{file}: has no certificate")
    return trustRootFromCertificates(certificates)
