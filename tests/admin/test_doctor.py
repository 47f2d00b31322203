"""``justchat-admin doctor``, as operators run it."""

import json
from typing import Any

from pymongo import MongoClient

from justchat.runtime.running import RUNNING
from tests.support.admin import AdminCase, run
from tests.support.certificates import Authority
from tests.support.daemon import Daemon
from tests.support.mongo import fresh_uri
from tests.support.waiting import eventually


class Doctor(AdminCase):
    async def checks(self, *arguments: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
        """The exit code, and the checks by their names."""
        done = await run("--data-dir", str(self.folder / "data"), *arguments, "doctor", "--json")
        found: dict[str, list[dict[str, Any]]] = {}
        for each in json.loads(done.output)["checks"]:
            found.setdefault(each["name"], []).append(each)
        return done.code, found

    async def test_running(self) -> None:
        """Beside a daemon that runs, its parts are there. The exit code says whether anything is wrong."""
        done = await self.admin("--json", "doctor")

        found = {each["name"]: each["state"] for each in json.loads(done.output)["checks"]}
        self.assertEqual(json.loads(done.output)["state"] == "wrong", bool(done.code), done)
        parts = (
            "data directory",
            "disk",
            "open files",
            "clock",
            "database",
            "schema",
            "indexes",
            "feature compatibility",
        )
        self.assertLessEqual(set(parts), set(found))
        self.assertEqual(("ok", "ok", "ok"), (found["data directory"], found["schema"], found["indexes"]))
        text = await self.admin("doctor")
        self.assertRegex(text.output, r"\ASTATE +PART +FOUND\n")

    async def test_endpoints(self) -> None:
        """The endpoints and the settings are those of the daemon that runs, whatever its command line was."""
        daemon = Daemon(settings="[privacy]\nshow_phones = false\n")
        self.addCleanup(daemon.remove)
        daemon.options = ("--mongo", fresh_uri())
        await daemon.start()
        await eventually((daemon.data / RUNNING).exists, "its note, which it writes once it is up")
        options = ("--data-dir", str(daemon.data), *daemon.options)
        done = await run(*options, "doctor", "--json")

        found: dict[str, str] = {}
        for each in json.loads(done.output)["checks"]:
            found[each["name"]] = found.get(each["name"], "") + each["found"]
        self.assertIn("[http] tcp:0:interface=127.0.0.1", found["daemon"])
        self.assertNotIn("runs with", found["daemon"])
        self.assertNotIn("beyond this machine", found["proxies"])
        self.assertIn(str(daemon.folder / "exempt.toml"), found["settings"])
        self.assertIn("the daemon (pid", found["open files"])
        other = self.folder / "other.toml"
        other.write_text("")
        done = await run(*options, "--config", str(other), "doctor", "--json")
        self.assertIn("exempt.toml, and this command with ", done.output)
        await daemon.kill()
        self.assertIn("none runs on", (await run(*options, "doctor")).output)

    async def test_wrong_settings(self) -> None:
        """Settings with faults are wrong, each by its line, and the exit code is 1."""
        file = self.folder / "wrong.toml"
        file.write_text("[http]\nworkers = 0\n[nonsense]\n")

        code, found = await self.checks("--config", str(file))

        self.assertEqual((1, 2), (code, len(found["settings"])))

    async def test_no_start(self) -> None:
        """What would keep a daemon from starting is wrong, a line each."""
        file = self.folder / "no_start.toml"
        for text, line in (
            ('[http]\nendpoint = "nowhere:1"\n', "[http] endpoint: 'nowhere:1' is no endpoint"),
            ('[metrics]\nendpoint = "tcp:99999"\n', "[metrics] endpoint: 'tcp:99999' is no endpoint"),
            ("[limits]\nshared = true\n", "[limits] shared: needs a [bus] uri"),
            ('[bus]\nuri = "redis://127.0.0.1:1"\n', "[bus] uri: needs [payments] secret_key"),
        ):
            file.write_text(text)

            code, found = await self.checks("--config", str(file))

            self.assertEqual(1, code)
            told = [each["found"] for each in found["settings"] if each["state"] == "wrong"]
            self.assertEqual([True], [each.startswith(line) for each in told], told)

    async def test_indexes(self) -> None:
        """An index that is missing is wrong, and is named."""
        uri = fresh_uri()
        with MongoClient[dict[str, Any]](uri) as client:
            client.get_default_database()["rooms"].insert_one({})

        code, found = await self.checks("--mongo", uri)

        self.assertEqual(1, code)
        self.assertRegex(found["indexes"][0]["found"], r"missing: .*rooms\.")
        self.assertEqual("wrong", found["schema"][0]["state"])

    async def test_database_away(self) -> None:
        """A database that cannot be reached is wrong; the other parts are looked at all the same."""
        code, found = await self.checks("--mongo", "mongodb://127.0.0.1:1/x")

        self.assertEqual((1, "wrong"), (code, found["database"][0]["state"]))
        self.assertIn("disk", found)

    async def test_certificate(self) -> None:
        """A certificate that has expired is wrong, one that expires soon a warning."""
        authority = Authority(self.folder)
        for days, state in ((-1, "wrong"), (3, "warning"), (90, "ok")):
            pem = authority.issue(state, days)
            endpoint = f"ssl:4000:privateKey={pem}:certKey={pem}"
            file = self.folder / f"{state}.toml"
            for table in ("http", "metrics"):
                file.write_text(f'[{table}]\nendpoint = "{endpoint}"\n')

                _, found = await self.checks("--config", str(file))

                self.assertEqual(state, found["certificate"][0]["state"], found["certificate"])
