"""Runs ``justchat-admin`` as an operator does."""

import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from attrs import frozen
from PIL import Image
from twisted.internet.utils import getProcessOutputAndValue

from tests.support.chat import ChatTestCase, Person
from tests.support.forks import Fork
from tests.support.waiting import eventually

COMMAND = str(Path(sys.executable).with_name("justchat-admin"))


@frozen
class Done:
    """A finished command: its exit code and its output."""

    code: int
    output: str
    error: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.output)


async def run_script(*arguments: str) -> Done:
    """Run the script ``justchat-admin`` with these arguments."""
    output, error, code = await getProcessOutputAndValue(COMMAND, arguments, env=os.environ)
    return Done(code, output.decode(), error.decode())


async def run(*arguments: str, folder: Path | None = None) -> Done:
    """Run what the script runs with these arguments, in a process that has importedit."""
    with tempfile.TemporaryDirectory(prefix="jc-") as files:
        output, error, code = (Path(files, name) for name in ("output", "error", "code"))
        process = Fork(["justchat-admin", *arguments], os.environ, folder or Path.cwd(), output, error, code)
        await eventually(lambda: process.poll() is not None, lambda: f"the end of {arguments}", 60)
        assert process.returncode is not None
        return Done(process.returncode, output.read_text(), error.read_text())


class AdminCase(ChatTestCase):
    """Tests of commands, beside the shared daemon."""

    async def setUp(self) -> None:
        await super().setUp()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    async def admin(self, *arguments: str) -> Done:
        return await run("--data-dir", str(self.daemon.data), *arguments)

    async def answer(self, *arguments: str) -> Any:
        """The ``--json`` output of a command that succeeds."""
        return (await self.admin("--json", *arguments)).json

    def a_picture(self, name: str = "gift.png", color: str = "red") -> Path:
        """A file with a picture."""
        written = io.BytesIO()
        Image.new("RGB", (16, 16), color).save(written, "PNG")
        file = self.folder / name
        file.write_bytes(written.getvalue())
        return file

    async def a_gift(self, name: str, price: int = 900) -> dict[str, Any]:
        """A gift of the catalogue, dearer than those that other tests buy."""
        gift: dict[str, Any] = (
            await self.answer("gifts", "add", "--name", name, "--price", str(price), "--image", "/gifts/x.png")
        )["gift"]
        return gift

    async def gifts(self, person: Person) -> dict[str, dict[str, Any]]:
        """The gifts that a person can buy, by their ids."""
        return {gift["_id"]: gift for gift in (await person.call("/gifts")).data["gifts"]}

    def assert_refused(self, done: Done, *words: str) -> None:
        """The command ended with 1, and one line on standard error has these words."""
        self.assertEqual((1, "", 1), (done.code, done.output, done.error.count("\n")), done)
        for word in words:
            self.assertIn(word, done.error)
