"""What a process counts of itself where ``[metrics]`` is on: turns of the reactor, garbage passes, memory, files."""

import gc
import os
import resource
from time import monotonic, perf_counter, time
from typing import Any

from justchat.metrics.declarations import (
    CPU_SECONDS,
    GC_PASSES,
    GC_SECONDS,
    MEMORY_BYTES,
    OPEN_FILES,
    OPEN_FILES_BOUND,
    REACTOR_TURNS,
    START_SECONDS,
)

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


class _TimedPoller:
    """The reactor's epoll object, which observes the time from each poll to the next."""

    def __init__(self, poller: Any) -> None:
        self._poller = poller
        self._poll = poller.poll
        self._polled = perf_counter()

    def poll(self, *args: Any) -> Any:
        REACTOR_TURNS.observe(perf_counter() - self._polled)
        events = self._poll(*args)
        self._polled = perf_counter()
        return events

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)


class ProcessMetrics:
    """Watches this process from ``start`` on."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._poller: Any = None
        self._pass_began = 0.0

    def start(self) -> None:
        """Time reactor turns and garbage passes."""
        gc.callbacks.append(self._on_pass)
        self._poller = getattr(self._reactor, "_poller", None)
        if self._poller is not None:  # a reactor that polls otherwise has no turns to time
            self._reactor._poller = _TimedPoller(self._poller)

    def stop(self) -> None:
        """Time them no more."""
        if self._on_pass in gc.callbacks:
            gc.callbacks.remove(self._on_pass)

    def _on_pass(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._pass_began = perf_counter()
        else:
            GC_PASSES.count(str(info["generation"]))
            GC_SECONDS.count(by=perf_counter() - self._pass_began)

    def measure(self) -> None:
        """Read the rest from the kernel."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        CPU_SECONDS.series[()] = used.ru_utime + used.ru_stime
        with open("/proc/self/statm", "rb") as statm:
            MEMORY_BYTES.set(int(statm.read().split()[1]) * _PAGE)
        with open("/proc/self/stat", "rb") as stat:
            began = int(stat.read().rpartition(b")")[2].split()[19]) / _TICK  # after the boot
        START_SECONDS.set(round(time() - monotonic() + began, 2))
        OPEN_FILES.set(len(os.listdir("/proc/self/fd")))
        OPEN_FILES_BOUND.set(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
