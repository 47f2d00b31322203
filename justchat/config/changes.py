"""What has changed in the settings, and which of it a reload can apply."""

from collections.abc import Iterator, Mapping

from justchat.config.settings import Settings

AT_THE_START: Mapping[str, frozenset[str]] = {
    "limits": frozenset(
        {"enabled", "shared", "exempt", "announced_per_second", "searches", "searches_per_user", "frame"}
        | {"uploads_per_address", "uploads_in_all"}
    ),
    "log": frozenset({"format", "access"}),
    "sms": frozenset({"key_lifetime"}),
}
"""The keys of these tables that only a start reads. A reload applies the others."""
RELOADED = frozenset({"limits", "log", "sms", "captcha", "hooks", "auth", "payments", "moderation", "webhooks"})
"""The tables of which a reload applies something."""


def reloaded(old: Settings, new: Settings) -> Settings:
    """The old settings with all that a reload applies of the new ones."""
    changed = {}
    for table in RELOADED:
        value = getattr(new, table)
        kept = AT_THE_START.get(table)
        if kept is not None:
            before = getattr(old, table)
            value = value.model_copy(update={key: getattr(before, key) for key in kept})
        changed[table] = value
    return old.model_copy(update=changed)


def changes(old: Settings, new: Settings) -> list[str]:
    """The names of the settings that differ, as ``[limits] send``; never a value."""
    return sorted(_changes(old, new))


def _changes(old: Settings, new: Settings) -> Iterator[str]:
    for table in Settings.model_fields:
        before, after = getattr(old, table), getattr(new, table)
        if before == after:
            continue
        if table == "webhooks":
            yield "[[webhooks]]"
        elif hasattr(type(before), "model_fields"):
            for key in type(before).model_fields:
                if getattr(before, key) != getattr(after, key):
                    yield f"[{table}] {key}"
        else:
            yield table
