"""Scrapes of a daemon's metrics."""

import treq
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet import reactor
from twisted.web.client import Agent
from twisted.web.iweb import IResponse

from tests.support.daemon import Daemon
from tests.support.waiting import PATIENCE, eventually


async def get(
    port: int, path: str = "/metrics", method: str = "GET", accept: str = "", body: bytes | None = None
) -> tuple[IResponse, str]:
    """The response of the port of metrics, and its text."""
    headers = {"Accept": accept} if accept else {}
    agent = Agent(reactor, connectTimeout=PATIENCE)
    url = f"http://127.0.0.1:{port}{path}"
    response = await treq.request(method, url, headers=headers, data=body, agent=agent, timeout=PATIENCE)
    return response, (await treq.content(response)).decode()


class Scrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self._samples = [sample for family in self.families.values() for sample in family.samples]

    def of(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name that have these labels; 0 where there is none."""
        return sum(each.value for each in self._samples if each.name == name and labels.items() <= each.labels.items())

    def has(self, name: str, **labels: str) -> bool:
        """Whether there is one."""
        return any(each.name == name and labels.items() <= each.labels.items() for each in self._samples)


async def scrape(daemon: Daemon) -> Scrape:
    """Scrape a daemon now."""
    response, text = await get(daemon.metrics)
    assert response.code == 200, text
    return Scrape(text)


async def scrape_when(daemon: Daemon, up: dict[str, int]) -> Scrape:
    """A scrape that these workers have answered (1), or have not (0): on a busy machine one may be late."""
    found: list[Scrape] = []

    async def is_so() -> bool:
        found[:] = [await scrape(daemon)]
        return {worker: found[0].of("justchat_worker_up", worker=worker) for worker in up} == up

    await eventually(is_so, f"workers that answer so: {up}")
    return found[0]
