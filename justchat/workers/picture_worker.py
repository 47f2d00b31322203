"""The worker process that re-encodes pictures. Its memory and processor time are limited.

It answers ``[source, folder, stem]`` with ``{"ending", "size"}`` once the picture is on the disk as
``folder/stem.ending``; or with ``{"error"}``, the name of a class of ``justchat.errors`` (see ``child``).
"""

import errno
import os
import resource
from contextlib import suppress
from pathlib import Path
from typing import Final

from justchat.errors import Busy, DiskFull, NotAnImage, TooLarge
from justchat.workers.child import serve
from justchat.workers.codecs import reencode_picture

MEMORY: Final = 512 * 1024 * 1024
"""Bytes of address space beyond what the process has at its start."""
SECONDS: Final = 20
"""Processor time for one picture; then SIGXCPU ends the process."""
NICENESS: Final = 10
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _answer(source: str, folder: str, stem: str) -> dict[str, str | int]:
    _limit_time()
    try:
        written, ending = reencode_picture(Path(source).read_bytes())
        _store(written, Path(folder), f"{stem}.{ending}")
    except (NotAnImage, TooLarge) as refused:
        return {"error": type(refused).__name__}
    except OSError as error:
        return {"error": (DiskFull if error.errno in _FULL else Busy).__name__}
    except MemoryError:
        return {"error": Busy.__name__}
    return {"ending": ending, "size": len(written)}


def _store(written: bytes, folder: Path, name: str) -> None:
    temporary = folder / f".{name}.{os.getpid()}"
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(written)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(folder / name)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _limit_time() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    bound = int(used.ru_utime + used.ru_stime) + 1 + SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (bound if most == resource.RLIM_INFINITY else min(bound, most), most))


def _limit_memory() -> None:
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        bound = pages * resource.getpagesize() + MEMORY
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (bound if most == resource.RLIM_INFINITY else min(bound, most), most))
    # A core dump would contain a user's picture.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _limit_memory()
    serve(_answer, NICENESS)
