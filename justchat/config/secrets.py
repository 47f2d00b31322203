"""Secrets in the settings: as text, or as the name of a file or of an environment variable.

secret_key = "…"
secret_key = { file = "payments-key" }     in $CREDENTIALS_DIRECTORY, where systemd's LoadCredential= puts it
secret_key = { file = "/etc/justchat/key" }
secret_key = { env = "JUSTCHAT_PAYMENTS_KEY" }
"""

import os
from pathlib import Path

LONGEST_FILE = 64 * 1024
"""Bytes."""


class Secret(str):
    """A text that its repr does not show, so that settings can be logged."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


def resolved(written: object) -> object:
    """The text that ``{ file }`` or ``{ env }`` names, without line end and byte order mark; any other value unchanged.

    Raises ValueError, which quotes nothing of the secret.
    """
    if not isinstance(written, dict):
        return written
    match list(written.items()):
        case [("file", str(name))]:
            return _content(name)
        case [("env", str(name))] if os.environ.get(name):
            return os.environ[name]
        case [("env", str(name))]:
            raise ValueError(f"the environment has no {name}, or an empty one")
        case _:
            raise ValueError('must be a text, { file = "…" } or { env = "…" }')


def _content(name: str) -> str:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not os.path.isabs(name) and folder is None:
        raise ValueError(f"{name}: not an absolute path, and there is no $CREDENTIALS_DIRECTORY")
    try:
        with Path(folder or "/", name).open("rb") as file:
            content = file.read(LONGEST_FILE + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{name}: not UTF-8") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or len(content) > LONGEST_FILE:
        raise ValueError(f"{name}: empty, or larger than {LONGEST_FILE} bytes")
    return text
