"""The command line: every command has --json, help with an example that it accepts, and completion."""

import contextlib
import io
import shlex
import shutil
import subprocess
import sys
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from justchat import __version__
from justchat.admin.arguments import make_parser, parse
from justchat.admin.main import main
from tests.support.admin import AdminCase, run_script

PAGE = (Path(__file__).parents[2] / "docs" / "operating.rst").read_text()


def choices(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    """The parsers of the commands below a parser, by their names."""
    actions = [action for action in parser._actions if isinstance(action, _SubParsersAction)]
    return {name: choice for action in actions for name, choice in action.choices.items()}


def commands(parser: ArgumentParser, *names: str) -> Iterator[tuple[tuple[str, ...], ArgumentParser]]:
    """Every command, by its names, with its parser."""
    below = choices(parser)
    if not below:
        yield names, parser
    for name, choice in below.items():
        yield from commands(choice, *names, name)


class Terminals(SynchronousTestCase):
    def test_ascii(self) -> None:
        """The help is shown on a terminal that lacks a character of it, as in the locale POSIX."""
        shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        self.patch(sys, "stdout", shown)
        self.patch(sys, "argv", ["justchat-admin", "--help"])

        with self.assertRaises(SystemExit) as ended:
            main()

        shown.flush()
        self.assertEqual(0, ended.exception.code)
        self.assertIn(b"usage: justchat-admin", shown.buffer.getvalue())


class Commands(SynchronousTestCase):
    def setUp(self) -> None:
        self.commands = dict(commands(make_parser()))

    def test_contract(self) -> None:
        """The commands of the contract are there."""
        for command in (
            *(
                f"users {each}"
                for each in ["list", "search", "suspend", "unsuspend", "delete", "export", "hold", "change-phone"]
            ),
            *(f"rooms {each}" for each in ["list", "show", "remove"]),
            *("online", "announce", "keys add", "keys list", "keys revoke", "audit list"),
            *("webhooks list", "webhooks replay"),
        ):
            self.assertIn(tuple(command.split()), self.commands)

    def test_examples(self) -> None:
        """The help of each command ends with an example, which the command accepts."""
        for names, parser in self.commands.items():
            start, _, example = parser.format_help().rstrip().rpartition("\n")[2].partition(" justchat-admin ")
            self.assertEqual("example:", start, names)
            written = shlex.split(example)

            arguments = parse(written)

            self.assertEqual(names, tuple(written[: len(names)]))
            self.assertIs(parser.get_default("command"), arguments.command)

    def test_list_left_out(self) -> None:
        """Each area that has the command lists without it, with the same options; its help says so."""
        parser = make_parser()
        areas = [names[0] for names in self.commands if names[1:] == ("list",)]
        self.assertLessEqual({"keys", "audit", "webhooks", "users", "rooms"}, set(areas))

        for area in areas:
            listing = self.commands[area, "list"]
            options = shlex.split(str(listing.epilog).partition(" list ")[2])
            for written in ([], ["--json"], options):
                self.assertEqual(parse([area, "list", *written]), parse([area, *written]), (area, written))
            self.assertIn("Without a command: list.", choices(parser)[area].format_help())
        self.assertEqual(3, parse(["--json", "audit", "--limit", "3"]).limit)

    def test_no_list(self) -> None:
        """An area without the command wants one, and every area refuses what is none."""
        for written in (["sms"], ["uploads", "--json"], ["keys", "lst"], ["audit", "--limit", "0"]):
            with self.assertRaises(SystemExit) as raised, contextlib.redirect_stderr(io.StringIO()) as said:
                parse(written)
            self.assertEqual(2, raised.exception.code)
            self.assertIn("error:", said.getvalue())

    def test_version(self) -> None:
        """--version shows JustChat's version, without a command."""
        with self.assertRaises(SystemExit) as raised, contextlib.redirect_stdout(io.StringIO()) as said:
            parse(["--version"])

        self.assertEqual((0, f"JustChat {__version__}\n"), (raised.exception.code, said.getvalue()))

    def test_json(self) -> None:
        """Each command takes --json, before and behind it."""
        for parser in self.commands.values():
            written = shlex.split(str(parser.epilog).partition(" justchat-admin ")[2])

            self.assertFalse(parse(written).json)
            self.assertTrue(parse(["--json", *written]).json)
            self.assertTrue(parse([*written, "--json"]).json)

    def test_described(self) -> None:
        """docs/operating.rst, or the page that it names, has each command."""
        pages = PAGE + "".join(page.read_text() for page in Path(__file__).parents[2].glob("docs/*.rst"))
        for names in self.commands:
            self.assertIn(f"``{' '.join(names)}".removesuffix(" list"), pages, names)

    def test_pages(self) -> None:
        """A list is shown in pages of at most 1000 rows."""
        for names, parser in self.commands.items():
            options = {option for action in parser._actions for option in action.option_strings}
            self.assertEqual("--limit" in options, "--skip" in options, names)
            if "--limit" in options:
                for wrong in (["--limit", "1001"], ["--limit", "0"], ["--skip", "-1"]):
                    self.patch(parser, "error", self.refuse)
                    with self.assertRaises(ValueError, msg=names):
                        parser.parse_args(wrong)

    def refuse(self, why: str) -> None:
        raise ValueError(why)


class Completion(TestCase):
    def completed(self, script: Path, *words: str) -> list[str]:
        """What bash offers for the last of these words."""
        line = ["justchat-admin", *words]
        asked = f"""
            source {shlex.quote(str(script))}
            COMP_WORDS=({" ".join(map(shlex.quote, line))}) COMP_CWORD={len(words)}
            COMP_LINE={shlex.quote(" ".join(line))} COMP_POINT=${{#COMP_LINE}}
            function=$(complete -p justchat-admin | sed 's/.*-F \\([^ ]*\\).*/\\1/')
            $function justchat-admin {shlex.quote(words[-1])} {shlex.quote(line[-2])}
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        bash = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, timeout=60, check=True)
        return bash.stdout.split()

    async def test_bash(self) -> None:
        """bash completes areas, commands, options and the values of options."""
        if shutil.which("bash") is None:
            raise SkipTest("there is no bash")
        done = await run_script("--print-completion", "bash")
        self.assertEqual((0, ""), (done.code, done.error))
        script = Path(self.mktemp())
        script.write_text(done.output)

        self.assertLessEqual({"users", "rooms", "online"}, {*self.completed(script, "")})
        self.assertEqual(["suspend"], self.completed(script, "users", "sus"))
        self.assertEqual(["--until"], self.completed(script, "users", "suspend", "--u"))
        self.assertIn("sessions", self.completed(script, "keys", "add", "shop", "--scope", "s"))


class Secrets(AdminCase):
    async def test_unreadable(self) -> None:
        """Commands run beside a daemon whose secrets systemd hands over (LoadCredential=), and cannot be read here."""
        settings = self.folder / "justchat.toml"
        settings.write_text("""
            webhooks = [{ url = "https://app.example.com/hooks", secret = { file = "hook" }, events = ["user.new"] }]
            [payments]
            secret_key = { file = "payments-key" }
            [sms]
            sender = "smsru"
            secret = { file = "sms-key" }
            report_secret = { env = "JUSTCHAT_NOT_SET" }
            [captcha]
            url = "https://captcha.example.com/"
            secret = { file = "captcha-key" }
            [hooks]
            before_message = { url = "https://app.example.com/", secret = { file = "hook" } }
        """)
        anna = await self.a_person()

        for command in (("users", "list"), ("users", "end-sessions", anna.id), ("rooms", "list"), ("audit",)):
            done = await self.admin("--config", str(settings), *command)
            self.assertEqual((0, ""), (done.code, done.error), command)
        self.assert_refused(await self.admin("--config", str(settings), "sms", "addresses"), "JUSTCHAT_NOT_SET")
