"""Faults, made on purpose: after each one, a plain `make report` must give the site that an undisturbed build gives.

In a copy of the project (profile ci): `make report` is killed at random moments (SIGKILL to make and its commands; a
notebook's kernel ends by itself when they are gone), runs into a full disk and into files that may not be written, and
runs twice at once. After each of these a plain build goes on with what was left. A site is the same when all its files
are, byte for byte; left out is only what the run took, on the one page that states it, and what the index of the search
repeats of this page. A second build in another folder comes first.

    python bench/faults.py --kills 20
"""

import argparse
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from measurement import RESULTS, keep_results
from smartrocket.files import ROOT, remove
from smartrocket.profiles import NOTEBOOKS
from smartrocket.rendering import MEASURED_PAGE, list_unmeasured

# What publishing writes.
PUBLISHED = ("_site", "analysis", "downloads", "_parts", "_variables.yml")
GENERATED = (".git", ".venv", "build", *PUBLISHED, ".*cache", "__pycache__")
STAGES = ("prepare", *NOTEBOOKS, "publish")
LARGEST_FILE = 30_000
# Several times what a build and its site take.
DISK = 200_000_000
TARGET = ["report", "PROFILE=ci"]
# What `make --trace` prints before it runs a command.
COMMAND = re.compile(r"-m smartrocket (?:run )?(\w+)")
# The part of the page that states what the run took, and in it the sentence and the numbers that differ.
COSTS = re.compile(r'<p>The seven notebooks took.*?(?=<section id="how-the-cost-grows")', re.DOTALL)
TAKEN = re.compile(r'(?<=<p>)The seven notebooks took.*?(?=</p>)|(?<=<td class="number">)[\d,.]+')


class Copy:
    """A copy of the project in a folder of its own, in which make builds."""

    def __init__(self, folder: Path, target: Sequence[str] = TARGET):
        """Copy what the project consists of; nothing that was generated. `target` is what make is asked for."""
        self.folder = folder / "project"
        shutil.copytree(ROOT, self.folder, ignore=shutil.ignore_patterns(*GENERATED))
        packages = Path(sys.executable).parent
        self.command = ["make", f"BIN={packages}", "READY=", *target]
        # Most users' processes keep the bytecode of what they import, and a full disk must not harm that either.
        left_out = ("MAKE", "MFLAGS", "PYTHONDONTWRITEBYTECODE")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        self.environment["PYTHONPATH"] = str(self.folder / "lib")

    def start(self, *words: str, limit: int | None = None) -> subprocess.Popen:
        """Start make in a process group of its own; no file that it writes may be larger than `limit`."""

        def restrict() -> None:
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        return subprocess.Popen(
            [*self.command, *words],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=restrict,
        )

    def build(self) -> str:
        """Run make, which must succeed; returns what it printed. Raises SystemExit where it does not."""
        process = self.start()
        output, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"error: a plain `make report` failed:\n{output}")
        return output

    def digest(self) -> dict[str, str]:
        """Return the SHA-256 of each file of the site that must not differ."""
        site = self.folder / "_site"
        files = {path.relative_to(site).as_posix(): content for path, content in list_unmeasured(site)}
        page = (site / MEASURED_PAGE).read_text(encoding="utf-8")
        files[MEASURED_PAGE] = blank_costs(page).encode()
        return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}

    def find_begin(self, stage: str) -> float:
        """Return when a stage of a finished build began, which is the time of its result; 0 for the first stage."""
        if stage == "prepare":
            return 0.0
        result = "_site/built.json" if stage == "publish" else f"build/ci/notebooks/{stage}.ipynb"
        return (self.folder / result).stat().st_mtime

    def forget(self, stage: str) -> None:
        """Remove all that a finished build wrote since a stage began, as if it had not come further."""
        begun = self.find_begin(stage)
        for path in (self.folder / "build").rglob("*"):
            if path.is_file() and path.stat().st_mtime >= begun:
                path.unlink()
        for name in PUBLISHED:
            remove(self.folder / name)

    def measure(self, *names: str) -> int:
        """Return the bytes of what was written under these names."""
        paths = [path for name in names for path in (self.folder / name).rglob("*")]
        return sum(path.stat().st_size for path in paths if path.is_file())

    def find_torn(self) -> list[str]:
        """Return the files of the build that have their name and are not whole."""
        from pyarrow import ArrowInvalid, parquet

        torn = []
        for path in sorted((self.folder / "build").rglob("*")):
            if path.name.startswith(".") or not path.is_file():
                continue
            try:
                if path.suffix in (".json", ".ipynb"):
                    json.loads(path.read_text(encoding="utf-8"))
                elif path.suffix == ".parquet":
                    parquet.read_metadata(path)
            except (ValueError, ArrowInvalid):
                torn.append(path.name)
        return torn


def blank_costs(page: str) -> str:
    """Return the page that states what its run took without the sentence and the numbers that differ in each run."""
    return COSTS.sub(lambda part: TAKEN.sub("", part[0]), page)


def compare(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the files in which two sites differ."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def recover(copy: Copy, undisturbed: dict[str, str]) -> dict[str, list[str]]:
    """Run a plain build on what a fault has left; returns the files in which its site is not as undisturbed."""
    copy.build()
    return {"differing_files": compare(undisturbed, copy.digest())}


def kill_often(copy: Copy, undisturbed: dict[str, str], random: Random, kills: int, left: dict[str, float]) -> dict:
    """Kill make at random moments, each time followed by a plain build; returns what was seen.

    What is killed goes on from a random stage, since whole builds would take too long. `left` has the seconds from
    the begin of each stage to the end.
    """
    moments: list[dict] = []
    while len(moments) < kills:
        first = random.choice(STAGES)
        copy.forget(first)
        seconds = random.uniform(0, left[first])
        process = copy.start("--trace")
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            seen = {"begun_at": first, "seconds": round(seconds, 1), "stage": find_stage(output)}
            seen |= {"torn_files": copy.find_torn()} | recover(copy, undisturbed)
            moments.append(seen)
            print(json.dumps(seen), flush=True)
    found = {
        name: sorted({file for seen in moments for file in seen[name]}) for name in ("torn_files", "differing_files")
    }
    return {"kills": len(moments), "moments": moments} | found


def find_stage(output: str) -> str:
    """Return the stage that make, run with --trace, came to."""
    return (COMMAND.findall(output) or ["prepare"])[-1]


def fill_disk(copy: Copy, undisturbed: dict[str, str]) -> Iterator[tuple[str, dict]]:
    """Run make where no file may grow, and as root on a disk that gets full or is only to be read.

    Yields each fault's name and what was seen. Each time the next build goes on with what was left, on the same disk.
    """
    tables, site = copy.measure("build"), copy.measure("_site")
    pages = copy.measure(*PUBLISHED)
    # Or there would be nothing left to write.
    copy.forget("03_features")
    yield "files_too_large", fail(copy, limit=LARGEST_FILE) | recover(copy, undisturbed)
    with mount(DISK) as place:
        if place is None:
            yield "read_only", forbid_writing(copy) | recover(copy, undisturbed)
            return
        small = Copy(place)
        yield "disk_full", fail_without_room(small, place, tables // 2) | recover(small, undisturbed)
        small.forget("publish")
        # All that pages are made of has room, and half of the pages.
        yield "disk_full_of_pages", fail_without_room(small, place, pages - site // 2) | recover(small, undisturbed)
        small.forget("publish")
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        seen = fail(small)
        subprocess.run(["mount", "-o", "remount,rw", place], check=True)
        yield "read_only", seen | recover(small, undisturbed)


@contextmanager
def mount(size: int) -> Iterator[Path | None]:
    """Mount a small disk in memory, of `size` bytes; yields its folder, None where that is not allowed."""
    with tempfile.TemporaryDirectory(prefix="faults-") as place:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place]
        allowed = subprocess.run(command, capture_output=True, check=False).returncode == 0
        try:
            yield Path(place) if allowed else None
        finally:
            if allowed:
                subprocess.run(["umount", place], check=True)


def fail_without_room(copy: Copy, place: Path, room: int) -> dict:
    """Run make on a disk that has only so many bytes left, and make room again; returns what was seen."""
    ballast = place / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(place).free - room)
    seen = fail(copy)
    ballast.unlink()
    return seen


def forbid_writing(copy: Copy) -> dict:
    """Run make in folders without write permission, which root would not notice; returns what was seen."""
    copy.forget("publish")
    folders = [path for path in [copy.folder, *copy.folder.rglob("*")] if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    seen = fail(copy)
    for folder in folders:
        folder.chmod(0o755)
    return seen


def fail(copy: Copy, limit: int | None = None) -> dict:
    """Run make, which cannot succeed; returns whether it stopped as it should: with one error and no traceback."""
    process = copy.start("--trace", limit=limit)
    output, _ = process.communicate()
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    clear = process.returncode != 0 and len(errors) == 1 and "Traceback" not in output
    said = (errors or output.splitlines()[-3:])[0][:400] if output else ""
    return {"clear": clear, "said": said, "stage": find_stage(output)}


def build_twice(copy: Copy, undisturbed: dict[str, str]) -> dict:
    """Run make twice at once; returns whether both came to their end, and what was seen then."""
    copy.forget("prepare")
    both = [copy.start() for _ in range(2)]
    outputs = [process.communicate()[0] for process in both]
    return {
        "succeeded": sum(process.returncode == 0 for process in both),
        "waited": sum("waiting for it" in output for output in outputs),
        "executed": sum(output.count(" done in ") for output in outputs),
    } | recover(copy, undisturbed)


def make_faults(folder: Path, kills: int, seed: int) -> Iterator[tuple[str, dict]]:
    """Make the faults one after the other; yields the name of each and what was seen."""
    copy = Copy(folder)
    begun = time.time()
    copy.build()
    ended = time.time()
    left = {stage: ended - max(begun, copy.find_begin(stage)) for stage in STAGES}
    undisturbed = copy.digest()
    other = Copy(folder / "another folder")
    yield "another_folder", recover(other, undisturbed) | {"files": len(undisturbed)}
    yield "killed", kill_often(copy, undisturbed, Random(seed), kills, left)
    yield from fill_disk(copy, undisturbed)
    yield "twice", build_twice(copy, undisturbed)


def is_wrong(seen: dict) -> bool:
    """Whether a fault left another site or a torn file, was not told as it should, or kept a build from its end.

    Of two builds at once each must end, and each notebook run once.
    """
    harmed = seen["differing_files"] or seen.get("torn_files")
    return bool(harmed) or not seen.get("clear", True) or seen.get("succeeded", 2) < 2 or seen.get("executed", 7) != 7


def main() -> int:
    """Make the faults, print what came of each as JSON, and return whether any went wrong, as 1 or 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="how often make is killed")
    parser.add_argument("--seed", type=int, default=1, help="fixes the moments")
    parser.add_argument("--output", type=Path, default=RESULTS, help="file of results that takes what was seen")
    options = parser.parse_args()
    results: dict[str, dict] = {}
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        for name, seen in make_faults(Path(folder), options.kills, options.seed):
            results[name] = seen
            print(json.dumps({name: seen}), flush=True)
    files = results["another_folder"].pop("files")
    wrong = [name for name, seen in results.items() if is_wrong(seen)]
    keep_results("faults", [{**results, "files": files, "wrong": wrong}], options.output)
    print(f"{files} files of the site compared after each fault; wrong: {', '.join(wrong) or 'nothing'}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
