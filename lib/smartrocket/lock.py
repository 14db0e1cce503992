"""One build at a time in a folder: whoever comes second waits, and nothing is left locked when a build is killed."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smartrocket.files import remove

# What `files.replacing` and the engine name what they have not finished.
UNFINISHED = (".*.partial*", ".spill-*")


@contextmanager
def hold_build(root: Path) -> Iterator[bool]:
    """Keep every other command that builds in the project `root` waiting; yields whether this one had to wait.

    The operating system gives the lock back when the process ends, however it ends.
    """
    folder = root / "build"
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("w") as file:
        waited = False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another make is at work in this folder: waiting for it", flush=True)
            waited = True
            fcntl.flock(file, fcntl.LOCK_EX)
        yield waited


def remove_unfinished(root: Path, build: Path) -> None:
    """Remove what a killed build left half written, in the project's folder and in one build. Needs the lock."""
    for folder, pattern in ((root, UNFINISHED[0]), (root / "build", UNFINISHED[1])):
        for path in folder.glob(pattern):
            remove(path)
    for path in sorted(build.rglob(UNFINISHED[0])):
        remove(path)
