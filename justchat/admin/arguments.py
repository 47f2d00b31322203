"""The command line: commands, arguments, help with an example of each command, and completion in bash."""

from argparse import SUPPRESS, Action, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import shtab

from justchat import __version__
from justchat.admin import (
    announcements,
    audit,
    backup,
    complaints,
    doctor,
    gifts,
    keys,
    messages,
    online,
    restore,
    rooms,
    sms,
    uploads,
    users,
    versions,
    webhooks,
    words,
)
from justchat.admin.argument_types import (
    LONGEST_PAGE,
    LONGEST_TEXT,
    backup_argument,
    coins_argument,
    count_argument,
    limit_argument,
    moment_argument,
    name_argument,
    network_argument,
    new_file_argument,
    path_argument,
    skip_argument,
    text_argument,
)
from justchat.config.gift_file import NAME_LENGTH
from justchat.model.server_key import Scope

_EPILOG = """\
exit codes: 0 done, 1 refused (one line on standard error says why), 2 wrong arguments

Without --mongo, or a URI in the settings, the daemon's own database is used. The daemon may run or not.
Run this as the daemon's user: sudo -u justchat justchat-admin …
Completion in bash: justchat-admin --print-completion bash > /etc/bash_completion.d/justchat-admin
"""
_PERSON = "an id, a phone, or the app's own id"
_WHY = "why; the audit log keeps it"


class AreaParser(ArgumentParser):
    """The parser of an area of commands. Without a command it lists, where ``lists``: what follows is for ``list``."""

    lists = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        written = list(args or ())
        if self.lists and (not written or (written[0].startswith("-") and written[0] not in ("-h", "--help"))):
            written = ["list", *written]
        return super().parse_known_args(written, namespace)


def parse(written: Sequence[str] | None = None) -> Namespace:
    """The arguments. Their ``command`` is the function to call. Ends the process with 2 where they are wrong."""
    top = make_parser()
    arguments = top.parse_args(written)
    if arguments.command is gifts.edit and {arguments.name, arguments.price, arguments.image} == {None}:
        top.error("gifts edit: at least one of --name, --price, --image is required")
    return arguments


def make_parser() -> ArgumentParser:
    """The parser of the command line."""
    top = ArgumentParser(
        prog="justchat-admin",
        description="Operate a JustChat: its users, rooms and gifts, complaints and held messages, keys and pictures.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    _completed(top.add_argument("--config", metavar="FILE", help="the daemon's settings"))
    data_dir = top.add_argument(
        "--data-dir", metavar="DIR", help="the daemon's data directory; ./justchat-data by default"
    )
    _completed(data_dir, shtab.DIRECTORY)
    top.add_argument("--mongo", metavar="URI", help="the daemon's MongoDB, if it has no embedded one")
    top.add_argument("--bus", metavar="URI", help="the bus that joins several daemons")
    top.add_argument("--json", action="store_true", help="answer with one JSON object")
    top.add_argument("--version", action="version", version=f"JustChat {__version__}", help="show JustChat's version")
    shtab.add_argument_to(top, "--print-completion", help="print a script that completes commands in this shell")
    areas = top.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=AreaParser)
    _gifts(_area(areas, "gifts", "the gifts that can be bought"))
    _complaints(_area(areas, "complaints", "the complaints about messages"))
    _messages(_area(areas, "messages", "the messages", lists=False))
    _users(_area(areas, "users", "the users"))
    _rooms(_area(areas, "rooms", "the rooms"))
    _command(areas, "online", online.online, "online")
    _announcements(areas)
    _keys(_area(areas, "keys", "the keys of an app's own servers"))
    _sms(_area(areas, "sms", "the SMS that the daemon sends", lists=False))
    _audit(_area(areas, "audit", "what operators and app's servers did"))
    _words(_area(areas, "words", "the messages that were held because of their words", lists=False))
    _command(_area(areas, "uploads", "the uploaded pictures", lists=False), "move", uploads.move, "uploads move")
    _webhooks(_area(areas, "webhooks", "the webhooks of the app's own servers"))
    _command(areas, "doctor", doctor.examine, "doctor")
    _backups(areas)
    _database(_area(areas, "database", "the versions of the database", lists=False))
    return top


def _area(areas: Any, name: str, summary: str, *, lists: bool = True) -> Any:
    """An area of commands. ``lists``: one of them is ``list``, which may be left out."""
    description = f"{summary[0].upper()}{summary[1:]}." + (" Without a command: list." if lists else "")
    area: AreaParser = areas.add_parser(name, help=summary, description=description)
    area.lists = lists
    metavar = "[COMMAND]" if lists else "COMMAND"
    return area.add_subparsers(title="commands", metavar=metavar, required=True, parser_class=ArgumentParser)


def _command(area: Any, name: str, command: Callable[..., Awaitable[Any]], example: str) -> ArgumentParser:
    """A command. Its help is the docstring of its function, and an example: arguments that it accepts."""
    summary = " ".join((command.__doc__ or "").split())
    parser: ArgumentParser = area.add_parser(
        name,
        help=summary.partition(".")[0],
        description=fill(summary, 80),
        epilog=f"example: justchat-admin {example}",
        formatter_class=RawDescriptionHelpFormatter,
    )
    # Allowed behind the command, too.
    parser.add_argument("--json", action="store_true", default=SUPPRESS, help="answer with one JSON object")
    parser.set_defaults(command=command, opens_database=True)
    return parser


def _listing(area: Any, name: str, command: Callable[..., Awaitable[Any]], example: str) -> ArgumentParser:
    """A command that shows a page of a list."""
    listing = _command(area, name, command, example)
    listing.add_argument(
        "--limit", type=limit_argument, metavar="N", default=100, help=f"how many, at most {LONGEST_PAGE}; else 100"
    )
    listing.add_argument(
        "--skip", type=skip_argument, metavar="N", default=0, help="how many to leave out, as those of earlier pages"
    )
    return listing


def _completed(argument: Action, kind: Any = shtab.FILE) -> None:
    """Let bash complete an argument with paths."""
    argument.complete = kind  # type: ignore[attr-defined]


def _gifts(area: Any) -> None:
    _command(area, "list", gifts.list_gifts, "gifts list")
    load = _command(area, "load", gifts.load, "gifts load gifts.toml")
    _completed(load.add_argument("file", metavar="FILE", help="a list of gifts: name, image, price, and optionally id"))
    picture = "a file with a picture, or the URL or path at which clients find it"
    add = _command(area, "add", gifts.add, "gifts add --name Sunflower --price 30 --image sunflower.png")
    edit = _command(area, "edit", gifts.edit, "gifts edit d6d325ec933f072edc850cdb --price 40")
    edit.add_argument("id", metavar="ID", help="the gift's id")
    for command, required in ((add, True), (edit, False)):
        command.add_argument(
            "--name", type=name_argument, metavar="NAME", required=required, help=f"at most {NAME_LENGTH} characters"
        )
        command.add_argument("--price", type=count_argument, metavar="COINS", required=required, help="in coins")
        image = command.add_argument("--image", type=path_argument, metavar="FILE", required=required, help=picture)
        _completed(image)
    withdraw = _command(area, "withdraw", gifts.withdraw, "gifts withdraw d6d325ec933f072edc850cdb")
    withdraw.add_argument("id", metavar="ID", help="the gift's id")


def _complaints(area: Any) -> None:
    listing = _listing(area, "list", complaints.list_complaints, "complaints list --all --limit 20")
    listing.add_argument("--all", action="store_true", help="include closed ones")
    show = _command(area, "show", complaints.show_complaint, "complaints show 65f1c0ffee65f1c0ffee65f1")
    close = _command(
        area, "close", complaints.close, 'complaints close 65f1c0ffee65f1c0ffee65f1 --note "removed the message"'
    )
    for command in (show, close):
        command.add_argument("id", metavar="ID", help="the complaint's id")
    close.add_argument("--note", type=text_argument, metavar="TEXT", required=True, help="what was done about it")


def _messages(area: Any) -> None:
    remove = _command(area, "remove", messages.remove, 'messages remove 65f1c0ffee65f1c0ffee65f1 --reason "spam"')
    remove.add_argument("id", metavar="ID", help="the message's id")
    remove.add_argument("--reason", type=text_argument, metavar="TEXT", required=True, help=_WHY)


def _users(area: Any) -> None:
    _listing(area, "list", users.list_users, "users list --limit 20")
    search = _listing(area, "search", users.search, "users search Anna")
    search.add_argument(
        "text", type=text_argument, metavar="TEXT", help=f"the beginning of a nickname or a phone, or {_PERSON}"
    )
    show = _command(area, "show", users.show_user, "users show +79161234567")
    end = _command(area, "end-sessions", users.end_sessions, "users end-sessions +79161234567")
    correct = _command(
        area, "correct-balance", users.correct_balance, 'users correct-balance +79161234567 -50 --reason "paid twice"'
    )
    suspend = _command(
        area, "suspend", users.suspend, 'users suspend +79161234567 --until 2026-12-24T18:00Z --reason "spam"'
    )
    unsuspend = _command(area, "unsuspend", users.unsuspend, "users unsuspend +79161234567")
    export = _command(area, "export", users.export, "users export +79161234567 anna.zip")
    delete = _command(area, "delete", users.delete_account, 'users delete +79161234567 --reason "asked by mail"')
    hold = _command(
        area, "hold", users.hold_deletion, 'users hold +79161234567 --until 2026-12-31 --reason "a complaint is open"'
    )
    release = _command(area, "release", users.release_deletion, "users release +79161234567")
    phone = _command(area, "change-phone", users.change_phone, "users change-phone +79161234567 +79167654321")
    for command in (show, end, correct, suspend, unsuspend, export, delete, hold, release, phone):
        command.add_argument("user", metavar="USER", help=_PERSON)
    for command in (suspend, delete, hold):
        command.add_argument("--reason", type=text_argument, metavar="TEXT", required=True, help=_WHY)
    suspend.add_argument(
        "--until", type=moment_argument, metavar="TIME", help="ISO 8601, such as 2026-12-24 or 2026-12-24T18:00Z"
    )
    hold.add_argument(
        "--until", type=moment_argument, metavar="TIME", required=True, help="as 2026-12-31 or 2026-12-31T12:00Z"
    )
    file = export.add_argument(
        "file", metavar="FILE", type=new_file_argument, help="the ZIP file to write; it must not be there"
    )
    _completed(file)
    delete.add_argument("--at-once", action="store_true", help="without a grace")
    correct.add_argument("coins", metavar="COINS", type=coins_argument, help="to add; -50 takes 50")
    correct.add_argument("--reason", type=text_argument, metavar="TEXT", required=True, help="why; the ledger keeps it")
    phone.add_argument("phone", metavar="PHONE", help="the new phone, which no other user may have")
    phone.add_argument("--reason", type=text_argument, metavar="TEXT", help=_WHY)


def _rooms(area: Any) -> None:
    listing = _listing(area, "list", rooms.list_rooms, "rooms list --name chess --sort users")
    listing.add_argument("--name", type=text_argument, metavar="TEXT", help="only rooms with this in their name")
    listing.add_argument(
        "--sort", choices=("created", "users", "name"), default="created", help="the latest, fullest or first by name"
    )
    show = _command(area, "show", rooms.show_room, "rooms show 65f1c0ffee65f1c0ffee65f1 --messages 50")
    show.add_argument(
        "--messages", type=limit_argument, metavar="N", default=20, help="how many of the latest; 20 by default"
    )
    remove = _command(area, "remove", rooms.remove_room, 'rooms remove 65f1c0ffee65f1c0ffee65f1 --reason "spam"')
    for command in (show, remove):
        command.add_argument("id", metavar="ID", help="the room's id")
    remove.add_argument("--reason", type=text_argument, metavar="TEXT", help=_WHY)


def _sms(area: Any) -> None:
    status = _command(area, "status", sms.status, "sms status --days 7")
    status.add_argument("--days", type=count_argument, metavar="N", default=30, help="30 by default; 90 are kept")
    _command(area, "addresses", sms.addresses, "sms addresses")
    test = _command(area, "test", sms.test, "sms test +79161234567")
    test.add_argument("phone", metavar="PHONE", help="whose owner expects it")


def _keys(area: Any) -> None:
    add = _command(area, "add", keys.add_key, "keys add shop --scope users coins --network 192.0.2.0/24")
    add.add_argument("name", metavar="NAME", type=name_argument, help="what the audit log calls it")
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
        type=network_argument,
        default=[],
        help="where it may be used from, as 192.0.2.0/24; anywhere by default",
    )
    listing = _command(area, "list", keys.list_keys, "keys list --all")
    listing.add_argument("--all", action="store_true", help="include revoked ones")
    revoke = _command(area, "revoke", keys.revoke, "keys revoke shop")
    revoke.add_argument("key", metavar="KEY", type=text_argument, help="its name or id, or the key itself")


def _audit(area: Any) -> None:
    listing = _listing(area, "list", audit.list_deeds, "audit list --whom +79161234567")
    listing.add_argument(
        "--whom", metavar="ID", help="only what was done to this: an id, or a user by phone or app's id"
    )


def _backups(areas: Any) -> None:
    back_up = _command(areas, "backup", backup.back_up, "backup /backups/justchat-2026-11-27.tar.gz")
    new_file = back_up.add_argument(
        "file",
        metavar="FILE",
        type=backup_argument,
        help="to write (tar, gzip); it must not be there. In a folder, the file's name is the time",
    )
    back_up.add_argument(
        "--keep", metavar="N", type=count_argument, help="remove all backups in the folder but the latest N"
    )
    restoring = _command(areas, "restore", restore.restore, "restore /backups/justchat-2026-11-27.tar.gz")
    file = restoring.add_argument("file", metavar="FILE", type=Path, help="what backup has written")
    for argument in (new_file, file):
        _completed(argument)
    for command in (back_up, restoring):
        command.set_defaults(opens_database=False)


def _database(area: Any) -> None:
    for command in (
        _command(area, "show", versions.show_versions, "database show"),
        _command(area, "upgrade", versions.upgrade, "database upgrade"),
    ):
        command.set_defaults(opens_database=False)


def _announcements(areas: Any) -> None:
    announce = _command(
        areas, "announce", announcements.announce, 'announce "The chat is down for a minute at 22:00 UTC."'
    )
    announce.add_argument("text", metavar="TEXT", type=text_argument, help=f"at most {LONGEST_TEXT} characters")
    announce.add_argument(
        "--from", dest="author", metavar="USER", help='the author: an id or a phone; a user "Announcements" by default'
    )
    area = _area(areas, "announcements", "the messages to everybody")
    _listing(area, "list", announcements.list_announcements, "announcements list --limit 5")
    stop = _command(area, "stop", announcements.stop, "announcements stop 65f1c0ffee65f1c0ffee65f1")
    stop.add_argument("id", metavar="ID", help="the announcement's id")


def _webhooks(area: Any) -> None:
    _command(area, "list", webhooks.list_webhooks, "webhooks list")
    replay = _command(area, "replay", webhooks.replay, "webhooks replay")
    replay.add_argument("id", metavar="ID", nargs="?", help="of one webhook, as the list shows it; without, of all")


def _words(area: Any) -> None:
    _listing(area, "held", words.held, "words held --limit 20")
    for command in (words.release, words.drop):
        name = command.__name__
        parser = _command(area, name, command, f"words {name} 65f1c0ffee65f1c0ffee65f1")
        parser.add_argument("id", metavar="ID", help="the message's id")
