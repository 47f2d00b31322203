"""The command line: commands, arguments and help."""

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_network
from os.path import lexists
from pathlib import Path
from typing import Any

from justchat.admin import (
    announcements,
    audit,
    backup,
    complaints,
    gifts,
    keys,
    messages,
    restore,
    sms,
    uploads,
    users,
    webhooks,
    words,
)
from justchat.config.gift_file import NAME_LENGTH
from justchat.model.moment import Moment, from_iso
from justchat.model.server_key import Scope
from justchat.model.text import composed, shows

LONGEST_TEXT = 4096
MOST_COINS = 10**9

_EPILOG = """\
exit codes: 0 done, 1 refused (one line on standard error says why), 2 wrong arguments

Without --mongo, or a URI in the settings, the daemon's own database is used. The daemon may run or not.
Run this as the daemon's user: sudo -u justchat justchat-admin …
"""


def parse(written: Sequence[str] | None = None) -> Namespace:
    """The arguments. Their ``command`` is the function to call. Ends the process with 2 where they are wrong."""
    top = _parser()
    arguments = top.parse_args(written)
    if arguments.command is gifts.edit and {arguments.name, arguments.price, arguments.image} == {None}:
        top.error("gifts edit: at least one of --name, --price, --image is required")
    return arguments


def _parser() -> ArgumentParser:
    top = ArgumentParser(
        prog="justchat-admin",
        description="Operate a JustChat: its gifts, its complaints, its users, its held messages, its pictures.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    top.add_argument("--config", metavar="FILE", help="the daemon's settings")
    top.add_argument("--data-dir", metavar="DIR", help="the daemon's data directory; ./justchat-data by default")
    top.add_argument("--mongo", metavar="URI", help="the daemon's MongoDB, if it has no embedded one")
    top.add_argument("--bus", metavar="URI", help="the bus that joins several daemons")
    top.add_argument("--json", action="store_true", help="answer with one JSON object")
    areas = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _gifts(_area(areas, "gifts", "the gifts that can be bought"))
    _complaints(_area(areas, "complaints", "the complaints about messages"))
    remove = _command(_area(areas, "messages", "the messages"), "remove", messages.remove)
    remove.add_argument("id", metavar="ID", help="the message's id")
    remove.add_argument("--reason", type=_text, metavar="TEXT", required=True, help="why; the audit log keeps it")
    _users(_area(areas, "users", "the users"))
    _announcements(areas)
    _keys(_area(areas, "keys", "the keys of an app's own servers"))
    _sms(_area(areas, "sms", "the SMS that the daemon sends"))
    _audit(areas)
    _words(_area(areas, "words", "the messages that were held because of their words"))
    _command(_area(areas, "uploads", "the uploaded pictures"), "move", uploads.move)
    _webhooks(_area(areas, "webhooks", "the webhooks of the app's own servers"))
    _backups(areas)
    return top


def _area(areas: Any, name: str, summary: str) -> Any:
    area = areas.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    return area.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _command(area: Any, name: str, command: Callable[..., Awaitable[Any]]) -> ArgumentParser:
    summary = (command.__doc__ or "").strip()
    parser: ArgumentParser = area.add_parser(name, help=summary.partition(".")[0], description=summary)
    # Allowed behind the command, too.
    parser.add_argument("--json", action="store_true", default=SUPPRESS, help="answer with one JSON object")
    parser.set_defaults(command=command, opens_database=True)
    return parser


def _gifts(area: Any) -> None:
    _command(area, "list", gifts.list_gifts)
    load = _command(area, "load", gifts.load)
    load.add_argument("file", metavar="FILE", help="a list of gifts: name, image, price, and optionally id")
    picture = "a file with a picture, or the URL or path at which clients find it"
    add = _command(area, "add", gifts.add)
    edit = _command(area, "edit", gifts.edit)
    edit.add_argument("id", metavar="ID", help="the gift's id")
    for command, required in ((add, True), (edit, False)):
        command.add_argument(
            "--name", type=_name, metavar="NAME", required=required, help=f"at most {NAME_LENGTH} characters"
        )
        command.add_argument("--price", type=_price, metavar="COINS", required=required, help="in coins")
        command.add_argument("--image", type=_path, metavar="FILE", required=required, help=picture)
    _command(area, "withdraw", gifts.withdraw).add_argument("id", metavar="ID", help="the gift's id")


def _complaints(area: Any) -> None:
    listing = _command(area, "list", complaints.list_complaints)
    listing.add_argument("--all", action="store_true", help="include closed ones")
    listing.add_argument("--limit", type=_price, metavar="N", default=100, help="how many; 100 by default")
    _command(area, "show", complaints.show_complaint).add_argument("id", metavar="ID", help="the complaint's id")
    close = _command(area, "close", complaints.close)
    close.add_argument("id", metavar="ID", help="the complaint's id")
    close.add_argument("--note", type=_text, metavar="TEXT", required=True, help="what was done about it")


def _users(area: Any) -> None:
    correct = _command(area, "correct-balance", users.correct_balance)
    export = _command(area, "export", users.export)
    suspend = _command(area, "suspend", users.suspend)
    suspend.add_argument(
        "--until", type=_moment, metavar="TIME", help="ISO 8601, such as 2026-12-24 or 2026-12-24T18:00Z"
    )
    suspend.add_argument("--reason", type=_text, metavar="TEXT", required=True, help="why; the audit log keeps it")
    for command in (
        _command(area, "show", users.show_user),
        _command(area, "end-sessions", users.end_sessions),
        correct,
        suspend,
        _command(area, "unsuspend", users.unsuspend),
        export,
    ):
        command.add_argument("user", metavar="USER", help="an id, a phone, or the app's own id")
    export.add_argument("file", metavar="FILE", type=_new_file, help="the ZIP file to write; it must not be there")
    delete = _command(area, "delete", users.delete_account)
    hold = _command(area, "hold", users.hold_deletion)
    release = _command(area, "release", users.release_deletion)
    for command in (delete, hold, release):
        command.add_argument("user", metavar="USER", help="an id, a phone, or the app's own id")
    for command in (delete, hold):
        command.add_argument("--reason", type=_text, metavar="TEXT", required=True, help="why; the audit log keeps it")
    delete.add_argument("--at-once", action="store_true", help="without a grace")
    hold.add_argument("--until", type=_moment, metavar="TIME", required=True, help="as 2026-12-31 or 2026-12-31T12:00Z")
    correct.add_argument("coins", metavar="COINS", type=_coins, help="to add; -50 takes 50")
    correct.add_argument("--reason", type=_text, metavar="TEXT", required=True, help="why; the ledger keeps it")


def _sms(area: Any) -> None:
    status = _command(area, "status", sms.status)
    status.add_argument("--days", type=_price, metavar="N", default=30, help="30 by default; 90 are kept")
    _command(area, "addresses", sms.addresses)
    _command(area, "test", sms.test).add_argument("phone", metavar="PHONE", help="whose owner expects it")


def _keys(area: Any) -> None:
    add = _command(area, "add", keys.add_key)
    add.add_argument("name", metavar="NAME", type=_name, help="what the audit log calls it")
    scopes = [scope.value for scope in Scope]
    add.add_argument(
        "--scope",
        dest="scopes",
        metavar="SCOPE",
        nargs="+",
        action="extend",
        choices=scopes,
        required=True,
        help=f"what it may do: {', '.join(scopes)}",
    )
    add.add_argument(
        "--network",
        dest="networks",
        metavar="CIDR",
        nargs="+",
        action="extend",
        type=_network,
        default=[],
        help="where it may be used from, as 192.0.2.0/24; anywhere by default",
    )
    _command(area, "list", keys.list_keys).add_argument("--all", action="store_true", help="include revoked ones")
    _command(area, "revoke", keys.revoke).add_argument(
        "key", metavar="KEY", type=_text, help="its name or id, or the key itself"
    )


def _audit(areas: Any) -> None:
    area = _area(areas, "audit", "what operators and app's servers did")
    listing = _command(area, "list", audit.list_deeds)
    listing.add_argument(
        "--whom", metavar="ID", help="only what was done to this: an id, or a user by phone or app's id"
    )
    listing.add_argument("--limit", type=_price, metavar="N", default=100, help="how many; 100 by default")
    # There is but this command, which may be left out.
    area.required = False
    areas.choices["audit"].set_defaults(command=audit.list_deeds, opens_database=True, whom=None, limit=100)


def _backups(areas: Any) -> None:
    back_up = _command(areas, "backup", backup.back_up)
    back_up.add_argument("file", metavar="FILE", type=_new_file, help="to write (tar, gzip); it must not be there")
    restoring = _command(areas, "restore", restore.restore)
    restoring.add_argument("file", metavar="FILE", type=Path, help="what backup has written")
    for command in (back_up, restoring):
        command.set_defaults(opens_database=False)


def _announcements(areas: Any) -> None:
    announce = _command(areas, "announce", announcements.announce)
    announce.add_argument("text", metavar="TEXT", type=_text, help=f"at most {LONGEST_TEXT} characters")
    announce.add_argument(
        "--from", dest="author", metavar="USER", help='the author: an id or a phone; a user "Announcements" by default'
    )
    area = _area(areas, "announcements", "the messages to everybody")
    listing = _command(area, "list", announcements.list_announcements)
    listing.add_argument("--limit", type=_price, metavar="N", default=100, help="how many; 100 by default")
    _command(area, "stop", announcements.stop).add_argument("id", metavar="ID", help="the announcement's id")


def _webhooks(area: Any) -> None:
    _command(area, "list", webhooks.list_webhooks)
    replay = _command(area, "replay", webhooks.replay)
    replay.add_argument("id", metavar="ID", nargs="?", help="of one webhook, as the list shows it; without, of all")


def _words(area: Any) -> None:
    listing = _command(area, "held", words.held)
    listing.add_argument("--limit", type=_price, metavar="N", default=100, help="how many; 100 by default")
    for command in (words.release, words.drop):
        _command(area, command.__name__, command).add_argument("id", metavar="ID", help="the message's id")


def _text(written: str) -> str:
    try:
        written.encode()
    except UnicodeEncodeError:  # bytes that are not UTF-8
        raise ArgumentTypeError("not UTF-8") from None
    if not shows(written):
        raise ArgumentTypeError("empty")
    text = composed(written)
    if len(text) > LONGEST_TEXT:
        raise ArgumentTypeError(f"longer than {LONGEST_TEXT} characters")
    return text


def _moment(written: str) -> Moment:
    try:
        return from_iso(written)
    except (ValueError, OverflowError):
        raise ArgumentTypeError("not a time, such as 2026-12-24 or 2026-12-24T18:00Z (UTC)") from None


def _network(written: str) -> str:
    try:
        return str(ip_network(written))
    except ValueError as error:
        raise ArgumentTypeError(f"not a network, as 192.0.2.0/24: {error}") from None


def _new_file(written: str) -> Path:
    path = Path(_path(written))
    if lexists(path):
        raise ArgumentTypeError(f"{written} is there already")
    return path


def _path(written: str) -> str:
    """A URL, or a file's name, which may have any bytes and is not normalized."""
    if not written.strip():
        raise ArgumentTypeError("empty")
    return written


def _name(written: str) -> str:
    name = _text(written)
    if len(name) > NAME_LENGTH:
        raise ArgumentTypeError(f"longer than {NAME_LENGTH} characters")
    return name


def _coins(written: str) -> int:
    try:
        coins = int(written)
    except ValueError:
        raise ArgumentTypeError("not a whole number") from None
    if coins == 0 or abs(coins) > MOST_COINS:
        raise ArgumentTypeError(f"not a number from 1 to {MOST_COINS}")
    return coins


def _price(written: str) -> int:
    price = _coins(written)
    if price < 0:
        raise ArgumentTypeError("below 1")
    return price
