"""``[hooks]``: questions to an app's own server."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from justchat.config.setting_types import UNREAD, SecretText
from justchat.config.table import Table
from justchat.model.reach import Reach, reach_of
from justchat.model.webhook_secret import secret_bytes


class BeforeMessageSettings(Table):
    """``[hooks.before_message]``: asked before a text is stored."""

    url: str
    secret: SecretText
    """Signs the requests; base64, as of a webhook."""
    timeout_ms: Annotated[int, Field(ge=1, le=60_000)] = 1500
    on_failure: Literal["allow", "reject"] = "allow"
    """What becomes of a text about which there is no answer in time."""
    allow_private: bool = False
    """Whether ``url`` may lead into a private network. This machine itself needs no leave."""

    @model_validator(mode="after")
    def _is_sound(self) -> "BeforeMessageSettings":
        try:
            self.reach()
        except ValueError as error:
            raise ValueError(f"url {error}") from None
        if self.secret is not UNREAD:
            try:
                secret_bytes(self.secret)
            except ValueError as error:
                raise ValueError(f"secret {error}") from None
        return self

    def reach(self) -> Reach:
        """What the hook's client may connect to. Raises ValueError."""
        return reach_of(self.url, allow_private=self.allow_private, trust_own_machine=True)


class Hooks(Table):
    """``[hooks]``."""

    before_message: BeforeMessageSettings | None = None
