"""The URI of the database: its parts, its faults, and the check that the database accepts it.

Invariant: no error quotes a password of the URI.
"""

import warnings
from typing import Any

from attrs import frozen
from pymongo import MongoClient
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError
from pymongo.uri_parser import parse_uri
from twisted.internet.ssl import (
    PrivateCertificate,
    optionsForClientTLS,
)

from justchat.config.certificates import read_authorities
from justchat.errors import StartupError

DEFAULT_NAME = "justchat"
"""The name of the database where the URI gives none."""


@frozen
class MongoUri:
    """A URI, parsed."""

    text: str
    database: str
    host: str
    username: str | None
    password: str
    auth_source: str
    auth_mechanism: str
    options: dict[str, Any]
    """By name in lower case."""

    @classmethod
    def parse(cls, text: str) -> "MongoUri":
        """Raises InvalidURI and ConfigurationError, of pymongo."""
        parsed = parse_uri(text)
        options = {key.lower(): value for key, value in parsed["options"].items()}
        return cls(
            text=text,
            database=parsed["database"] or DEFAULT_NAME,
            host=parsed["nodelist"][0][0],
            username=parsed["username"],
            password=parsed["password"] or "",
            auth_source=options.get("authsource") or parsed["database"] or "admin",
            auth_mechanism=options.get("authmechanism", "DEFAULT"),
            options=options,
        )

    def tls_options(self) -> Any:
        """How to connect over TLS, as Twisted has it; None where the URI does not ask for TLS. Raises StartupError."""
        options = self.options
        if not (options.get("tls") or options.get("ssl")):
            return None
        try:
            authority = options.get("tlscafile")
            pair = options.get("tlscertificatekeyfile")
            return optionsForClientTLS(
                self.host,
                trustRoot=read_authorities(authority) if authority else None,
                clientCertificate=PrivateCertificate.loadPEM(_read(pair)) if pair else None,
            )
        except OSError as error:
            raise StartupError(f"[mongo] uri: {error.filename}: {error.strerror}") from error
        except ValueError as error:
            raise StartupError(f"[mongo] uri: {error}") from error


def check_reachable(uri: str) -> None:
    """Raises StartupError with one line unless the database of this URI accepts us. Blocks, at most 5 s.

    txmongo retries for ever and does not report a wrong password; pymongo names the fault.
    """
    try:
        _check_options(uri)
    except (InvalidURI, ConfigurationError, ValueError, Warning) as error:
        raise StartupError(f"[mongo] uri: {_without_password(uri, error)}") from None
    except OSError as error:  # of a file that it names
        raise StartupError(f"[mongo] uri: {error}") from error
    try:
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=4000, connectTimeoutMS=4000) as client:
            client[client.get_default_database(DEFAULT_NAME).name].command("ping")
            client.get_default_database(DEFAULT_NAME)["rooms"].find_one({}, projection=["_id"])
    except (InvalidURI, ConfigurationError, ValueError, OSError) as error:
        raise StartupError(f"[mongo] uri: {error}") from error
    except PyMongoError as error:
        reason = str(error).partition(", full error")[0].partition(", Timeout:")[0].partition(" (configured")[0]
        raise StartupError(f"[mongo] uri: the database cannot be reached: {reason}") from error


def _check_options(uri: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # unknown options are warnings
        parse_uri(uri)


def _without_password(uri: str, error: Exception) -> str:
    """The fault of a URI, without its password: pymongo quotes a part of a password that has reserved characters."""
    scheme, _, rest = uri.partition("://")
    _, at, hosts = rest.rpartition("@")
    if not at:
        return str(error)
    try:
        _check_options(f"{scheme}://{hosts}")
    except Exception as other:
        return str(other)
    return "a user and a password in it must be percent-encoded"


def _read(file: str) -> bytes:
    with open(file, "rb") as opened:
        return opened.read()
