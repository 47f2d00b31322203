"""Runs tests on several processes of trial, a module at a time.

trial deals single tests, so that the tests of a class would run in all processes, and each process would start the
daemons that the class shares. Here a process gets a whole module, or a whole folder whose tests measure what the others
would disturb.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import Any
from unittest import TestCase

from attrs import define, field
from twisted.trial._dist.disttrial import DistTrialRunner

TOGETHER = ("tests.attacks",)
"""Folders that one process runs alone: their tests measure how others are served meanwhile."""
FIRST = (
    "tests.attacks",
    "tests.end_to_end",
    "tests.workers",
    "tests.http.web",
    "tests.faults",
    "tests.clients",
    "tests.generated",
    "tests.admin",
)
"""What takes longest begins first, so that the processes end at about the same time. The workers hash with the lowest
priority, so on busy cores their tests take longest.
"""
SHOWN = 15
"""Modules whose times are printed."""


@define
class Dealt:
    """What one process runs from beginning to end. trial takes it for one test."""

    name: str
    cases: list[Any] = field(factory=list)


class Dealing:
    """A suite of these tests as trial deals it: parts that it does not take apart, the longest first."""

    def __init__(self, suite: Iterable[Any]) -> None:
        parts: dict[str, Dealt] = {}
        for case in _cases(suite):
            name = part_of(case)
            parts.setdefault(name, Dealt(name)).cases.append(case)
        self.parts = sorted(parts.values(), key=_turn)

    def __iter__(self) -> Iterator[Dealt]:
        return iter(self.parts)

    def countTestCases(self) -> int:
        return sum(len(part.cases) for part in self.parts)


class PartsRunner(DistTrialRunner):
    """trial's runner of several processes, for the parts of a ``Dealing``."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.times: dict[str, float] = defaultdict(float)
        """Seconds by module."""

    async def _driveWorker(self, result: Any, testCases: Iterable[Dealt], worker: Any) -> None:
        for part in testCases:
            for case in part.cases:
                began = monotonic()
                await super()._driveWorker(result, [case], worker)
                self.times[module_of(case)] += monotonic() - began

    def slowest(self) -> str:
        """A table of the modules that took longest."""
        slowest = sorted(self.times.items(), key=lambda each: -each[1])[:SHOWN]
        rows = [("all modules, one after the other", sum(self.times.values())), *slowest]
        return "\n".join(f"{took:8.1f} s  {name}" for name, took in rows)


def part_of(case: Any) -> str:
    """The name of the part that a test belongs to."""
    module = module_of(case)
    return next((folder for folder in TOGETHER if module.startswith(f"{folder}.")), module)


def module_of(case: Any) -> str:
    """A test's module. What stands for one that cannot be imported has its name."""
    return type(case).__module__ if isinstance(case, TestCase) else str(case.id())


def _turn(part: Dealt) -> int:
    """Where a part stands; those of the same number keep their order, in which they share daemons."""
    return next((n for n, folder in enumerate(FIRST) if f"{part.name}.".startswith(f"{folder}.")), len(FIRST))


def _cases(suite: Iterable[Any]) -> Iterator[Any]:
    for each in suite:
        if isinstance(each, Iterable):
            yield from _cases(each)
        else:
            yield each
