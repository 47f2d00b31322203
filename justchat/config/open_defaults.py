"""The settings that are still as open as in the first JustChat, or unsafe, and where others can reach the daemon."""

import re
from ipaddress import ip_address

from justchat.config.settings import Settings


def open_defaults(settings: Settings) -> list[str]:
    """Each setting that is as open as in the original, as it would be written."""
    values = {
        "[privacy] show_phones = true": settings.privacy.show_phones,
        "[privacy] show_registered = true": settings.privacy.show_registered,
        "[payments] allow_unnumbered = true": settings.payments.allow_unnumbered,
        "[uploads] require_session = false": not settings.uploads.require_session,
    }
    return [setting for setting, is_so in values.items() if is_so]


SHORT_KEY = 16
"""Characters of a key for payments. Whoever has seen one signature finds a shorter one by trying."""


def has_short_key(settings: Settings) -> bool:
    """Whether ``[payments] secret_key`` could be found by trying."""
    return settings.payments.secret_key is not None and len(settings.payments.secret_key) < SHORT_KEY


def is_endpoint_beyond_loopback(endpoint: str) -> bool:
    """Whether the description of an endpoint lets other machines reach it."""
    kind, _, rest = endpoint.removeprefix("haproxy:").partition(":")
    if kind not in ("tcp", "tcp4", "tcp6", "ssl"):
        return False  # a Unix socket, or one of systemd's, which is not known here
    interface = fields_of_endpoint(rest).get("interface", "")
    try:
        return not ip_address(interface.partition("%")[0]).is_loopback
    except ValueError:
        return True


def fields_of_endpoint(description: str) -> dict[str, str]:
    """The named fields of an endpoint's description, without backslashes."""
    parts = (part.replace("\\:", ":") for part in re.split(r"(?<!\\):", description))
    return {name: value for name, separator, value in (part.partition("=") for part in parts) if separator}
