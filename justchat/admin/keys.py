"""``justchat-admin keys``: the keys of an app's own servers."""

from argparse import Namespace

from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome, table
from justchat.model.moment import iso
from justchat.model.server_key import Scope
from justchat.protocol.operator_documents import key_document


async def add_key(context: AdminContext, arguments: Namespace) -> Outcome:
    """Make a key for an app's own server, and print it. It is shown this once: only a digest of it is stored."""
    scopes = [Scope(each) for each in arguments.scopes]
    key, written = await context.keys.add(arguments.name, scopes, arguments.networks)
    return Outcome(written, {"key": written, **key_document(key)})


async def list_keys(context: AdminContext, arguments: Namespace) -> Outcome:
    """List the keys that are not revoked, the latest first."""
    found = await context.keys.list_keys(revoked=arguments.all)
    rows = [
        (
            key.id,
            key.name,
            " ".join(sorted(key.scopes)),
            " ".join(key.networks) or "anywhere",
            iso(key.created_at),
            "never" if key.used_at is None else iso(key.used_at),
            key.used_from,
            "" if key.revoked_at is None else f"revoked {iso(key.revoked_at)}",
        )
        for key in found
    ]
    titles = ("ID", "NAME", "SCOPES", "NETWORKS", "SINCE", "LAST USED", "FROM", "")
    return Outcome(table(titles, rows, "There are no keys."), {"keys": list(map(key_document, found))})


async def revoke(context: AdminContext, arguments: Namespace) -> Outcome:
    """Revoke a key: from now on no daemon takes it."""
    key = await context.keys.revoke(arguments.key)
    return Outcome(f"The key {key.name} is revoked.", {"revoked": key.id})
