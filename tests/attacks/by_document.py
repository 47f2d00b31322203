"""``python -m tests.attacks.by_document``: schemathesis at a daemon of its own, by that daemon's OpenAPI document.

It sends what the document allows, and what it does not: no answer is a 500, has a status or a Content-Type that the
document does not name, or a body off its schema, and what is off a request's schema is refused. The calls of an app's
server are made with a key that has every scope. Arguments are more of schemathesis's, as ``--include-path /upload``.
"""

import os
import subprocess
import sys
from pathlib import Path

from twisted.internet import defer, task

from tests.support.chat import a_person, a_room
from tests.support.daemon import Daemon
from tests.support.servers import an_app_server

EXAMPLES = os.environ.get("JUSTCHAT_EXAMPLES", "100")
REFUSALS = """\
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 411, 413, 415, 422, 429, 440]
"""
"""440 is ours: a session that has ended is told before what else is wrong."""
OF_SERVERS = """
[[operations]]
include-path-regex = "^/server/"
headers = {{ Authorization = "Bearer {key}" }}
"""
HOOKS = "tests.support.schemathesis_hooks"
LEFT_OUT = "positive_data_acceptance"
"""It knows neither 440 nor 422, nor what a phone number is; ``tests/http/test_schemas.py`` has it for our schemas."""


async def run(arguments: list[str]) -> None:
    daemon = await Daemon().start()
    try:
        anna = await a_person(daemon)
        await a_room(anna, anna)
        server = await an_app_server(daemon)
        (daemon.folder / "schemathesis.toml").write_text(REFUSALS + OF_SERVERS.format(key=server.key))
        command = [
            *(Path(sys.executable).with_name("schemathesis"), "run", f"http://127.0.0.1:{daemon.http}/openapi.json"),
            *("--header", f"Authorization: Bearer {anna.session_key}", "--exclude-checks", LEFT_OUT),
            *("--max-examples", EXAMPLES, "--exclude-path-regex", "^/init/exit", "--suppress-health-check", "all"),
            *("--generation-database", "none", "--no-color", *arguments),
        ]
        environ = {**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(command, cwd=daemon.folder, check=False, env=environ)
        said = [line for line in daemon.log.splitlines() if "traceback" in line]
        if done.returncode or said:
            print("\n".join(said[:20]))
            raise SystemExit(1)
    finally:
        await daemon.stop()
        daemon.remove()


if __name__ == "__main__":
    task.react(lambda _, *arguments: defer.ensureDeferred(run([*arguments])), sys.argv[1:])
