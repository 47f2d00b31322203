"""``[log]``: what the daemon logs, and how."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from justchat.config.table import Table

LogFormat = Literal["text", "json"]
LogLevelName = Literal["debug", "info", "warn", "error", "critical"]


def _level(written: object) -> object:
    return "warn" if written == "warning" else written


class LogSettings(Table):
    """``[log]``."""

    format: LogFormat = "text"
    level: Annotated[LogLevelName, BeforeValidator(_level)] = "info"
    """The least level that is logged."""
    access: bool = False
    """Whether each request is logged, at ``info``."""
