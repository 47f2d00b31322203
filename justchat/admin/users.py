"""``justchat-admin users``: list, show, suspend and export users, end their sessions, correct their balance."""

from argparse import Namespace
from pathlib import Path

from justchat.admin.context import AdminContext
from justchat.admin.output import Outcome, note_more, record, short, table
from justchat.errors import BadFile
from justchat.model.gift import Transfer
from justchat.model.moment import iso, now
from justchat.model.phone import parse_phone
from justchat.model.user import Session, User
from justchat.protocol.documents import (
    transfer_document,
)
from justchat.protocol.operator_documents import (
    SuspensionDocument,
    suspension_document,
    whole_user_document,
)


async def list_users(context: AdminContext, arguments: Namespace) -> Outcome:
    """List the users, the latest first."""
    return _page(await context.overview.list_users(arguments.skip, arguments.limit), arguments)


async def search(context: AdminContext, arguments: Namespace) -> Outcome:
    """List the users whose nickname or phone begins with a text, or who have it as their id."""
    return _page(await context.overview.search_users(arguments.text, arguments.skip, arguments.limit), arguments)


async def show_user(context: AdminContext, arguments: Namespace) -> Outcome:
    """Show a user, their sessions and their latest transfers."""
    details = await context.operating.show_user(await context.operating.find_account(arguments.user))
    user = details.user
    parts = [
        record(
            ("user", user.id),
            ("phone", user.phone),
            ("external id", user.external_id),
            ("nickname", user.nickname),
            ("location", user.location),
            ("photo", user.photo),
            ("born", user.dob),
            ("gender", user.gender),
            ("since", iso(user.created_at)),
            ("room", user.room),
            ("own rooms", " ".join(user.rooms[-10:])),
            ("gifts", len(user.gifts)),
            ("balance", user.balance),
            *_suspension_lines(user),
        ),
        table(
            ("SESSION", "SINCE", "LAST SEEN", "UNTIL"),
            [(each.id, iso(each.created_at), iso(each.seen_at), iso(each.expires_at)) for each in details.sessions],
            "There are no sessions.",
        ),
        table(
            ("LEDGER", "WHEN", "COINS", "WHY", "NOTE"),
            [
                (each.id, iso(each.created_at), f"{each.amount:+}", each.reason.value, short(_note(each)))
                for each in details.ledger
            ],
            "There is nothing in the ledger.",
        ),
    ]
    return Outcome(
        "\n\n".join(parts),
        {
            "user": whole_user_document(user),
            "suspension": _suspension(user),
            "sessions": list(map(_session, details.sessions)),
            "ledger": list(map(transfer_document, details.ledger)),
        },
    )


async def end_sessions(context: AdminContext, arguments: Namespace) -> Outcome:
    """End every session of a user. A running daemon closes their sockets within seconds."""
    user = await context.operating.find(arguments.user)
    ended = await context.operating.end_sessions(user)
    sessions = "1 session" if ended == 1 else f"{ended} sessions"
    return Outcome(f"{sessions} of {user} ended.", {"user": user, "ended": ended})


async def suspend(context: AdminContext, arguments: Namespace) -> Outcome:
    """Suspend a user: end their sessions, and let them sign in no more, until a time or until an operator ends it. What
    they wrote stays.
    """
    user = await context.operating.find(arguments.user)
    ended = await context.operating.suspend(user, arguments.until, arguments.reason)
    until = None if arguments.until is None else iso(arguments.until)
    text = f"{user} is suspended{f' until {until}' if until else ''}; sessions ended: {ended}."
    return Outcome(text, {"user": user, "until": until, "ended": ended})


async def unsuspend(context: AdminContext, arguments: Namespace) -> Outcome:
    """End a suspension: the user may sign in again."""
    user = await context.operating.find(arguments.user)
    await context.operating.unsuspend(user)
    return Outcome(f"{user} is not suspended any more.", {"user": user})


async def export(context: AdminContext, arguments: Namespace) -> Outcome:
    """Write what belongs to a user into a ZIP file: the same archive that /user/export makes for the user."""
    user = await context.operating.find(arguments.user)
    path: Path = arguments.file
    content = await context.archive_content()
    await context.operating.export(user)
    size = await context.write_archive(content, user, path)
    return Outcome(f"{path} has what belongs to {user}: {size} bytes.", {"user": user, "file": str(path), "size": size})


async def change_phone(context: AdminContext, arguments: Namespace) -> Outcome:
    """Give a user another phone, as after the loss of the old one. Their sessions end, and keys that the old phone got
    open nothing.
    """
    user = await context.operating.find(arguments.user)
    try:
        phone = parse_phone(arguments.phone, context.settings.sms.region)
    except ValueError as error:
        raise BadFile(f"{arguments.phone}: {error}") from error
    ended = await context.operating.change_phone(user, phone, arguments.reason)
    text = f"The phone of {user} is {phone}; sessions ended: {ended}."
    return Outcome(text, {"user": user, "phone": phone, "ended": ended})


async def correct_balance(context: AdminContext, arguments: Namespace) -> Outcome:
    """Add coins to a balance, or take some. The balance cannot fall below 0."""
    user = await context.operating.find(arguments.user)
    balance = await context.operating.correct_balance(user, arguments.coins, arguments.reason)
    return Outcome(f"The balance of {user} is {balance}.", {"user": user, "balance": balance})


async def delete_account(context: AdminContext, arguments: Namespace) -> Outcome:
    """Delete an account. Until the grace is over the user can cancel that by signing in."""
    user = await context.operating.find_account(arguments.user)
    at = await context.operating.delete_user(user, arguments.reason, at_once=arguments.at_once)
    return Outcome(f"The deletion of {user} begins at {iso(at)}.", {"user": user, "deletes_at": iso(at)})


async def hold_deletion(context: AdminContext, arguments: Namespace) -> Outcome:
    """Let no deletion of an account begin before a time, as while a complaint is open."""
    user = await context.operating.find_account(arguments.user)
    await context.operating.hold_deletion(user, arguments.until, arguments.reason)
    until = iso(arguments.until)
    return Outcome(f"No deletion of {user} begins before {until}.", {"user": user, "held_until": until})


async def release_deletion(context: AdminContext, arguments: Namespace) -> Outcome:
    """Hold the deletion of an account no longer."""
    user = await context.operating.find_account(arguments.user)
    await context.operating.release_deletion(user)
    return Outcome(f"A deletion of {user} is not held.", {"user": user, "held_until": None})


def _page(found: list[User], arguments: Namespace) -> Outcome:
    rows = [
        (
            user.id,
            user.phone,
            user.external_id,
            short(user.nickname or "", 30),
            iso(user.created_at),
            user.balance,
            "" if _suspension(user) is None else "suspended",
        )
        for user in found
    ]
    text = table(("ID", "PHONE", "APP'S ID", "NICKNAME", "SINCE", "BALANCE", ""), rows, "There are no such users.")
    users = [{**whole_user_document(user), "suspension": _suspension(user)} for user in found]
    return Outcome(text + note_more(len(found), arguments), {"users": users})


def _note(transfer: Transfer) -> str | None:
    if transfer.gift is not None:
        return f"{transfer.gift.name} for {transfer.to}"
    return transfer.note


def _suspension(user: User) -> SuspensionDocument | None:
    """A user's present suspension."""
    return suspension_document(user.suspension, now())


def _suspension_lines(user: User) -> list[tuple[str, object]]:
    return [(f"suspended {name}", value) for name, value in (_suspension(user) or {}).items()]


def _session(session: Session) -> dict[str, object]:
    return {
        "_id": session.id,
        "create_at": iso(session.created_at),
        "seen_at": iso(session.seen_at),
        "expires_at": iso(session.expires_at),
    }
