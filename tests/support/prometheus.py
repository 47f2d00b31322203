"""A Prometheus of the tests, on loopback, and the queries of the files in etc/."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.scraping import get
from tests.support.waiting import eventually

ETC = Path(__file__).parents[2] / "etc"
ALERTS, ALERT_TESTS = ETC / "prometheus-alerts.yml", ETC / "prometheus-alerts.test.yml"
DASHBOARD = ETC / "grafana-dashboard.json"
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
MISSING = None if PROMETHEUS and PROMTOOL else "there is no prometheus (Debian: apt-get install prometheus)"


class Prometheus:
    """Scrapes these ports every half second, as the job ``justchat``, with the alerts of etc/."""

    def __init__(self, *ports: int) -> None:
        assert PROMETHEUS is not None
        self._folder = Path(tempfile.mkdtemp(prefix="jc-"))
        settings = {
            "global": {"scrape_interval": "500ms", "evaluation_interval": "1s"},
            "rule_files": [str(ALERTS)],
            "scrape_configs": [
                {"job_name": "justchat", "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
            ],
        }
        # JSON is YAML.
        (self._folder / "prometheus.yml").write_text(json.dumps(settings))
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "--", PROMETHEUS),
                    f"--config.file={self._folder}/prometheus.yml",
                    f"--storage.tsdb.path={self._folder}/data",
                    "--web.listen-address=127.0.0.1:0",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._port = 0

    async def started(self) -> None:
        """Returns once it answers queries."""

        def listens() -> bool:
            log = (self._folder / "log").read_text()
            assert self._process.poll() is None, log
            found = re.search(r'"Listening on" address=127\.0\.0\.1:(\d+)', log)
            self._port = int(found[1]) if found else 0
            return bool(found) and "ready to receive web requests" in log

        await eventually(listens, lambda: f"Prometheus: {(self._folder / 'log').read_text()}")

    async def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API."""
        _, text = await get(self._port, f"/api/v1/{path}?{urlencode(parameters)}")
        answer = json.loads(text)
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]

    async def finds(self, query: str) -> bool:
        """Whether a query finds anything."""
        return bool((await self.ask("query", query=query))["result"])

    def end(self) -> None:
        """End it, and remove its files."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def dashboard_queries() -> list[str]:
    """The queries of the dashboard, with its variables as Grafana would set them for all."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [query.replace("$__rate_interval", "1m").replace("$instance", ".*") for query in queries]


def alert_queries(rules: Any) -> dict[str, str]:
    """The expressions of the alerts by name, each made to find what it compares, whether or not that is alarming."""
    return {
        rule["name"]: re.sub(" (==|<|>) ", r" \1 bool ", rule["query"])
        for group in rules["groups"]
        for rule in group["rules"]
    }
