"""A table of the settings."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """Frozen; an unknown key, or a value of another type, is an error that does not quote the value."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)
