"""Faults, made on purpose: after each one, a plain `make report` must give the site that an undisturbed build gives.

In a copy of the project (profile ci): `make report` is killed (SIGKILL, all its processes) at random moments, runs into
a full disk and into files that may not be written, and runs twice at once. A site is the same when all its files are,
byte for byte; left out is only what the run took, on the one page that states it, and what the index of the search
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
from pathlib import Path
from random import Random

from measurement import RESULTS, keep_results
from smartrocket.files import ROOT
from smartrocket.rendering import MEASURED_PAGE, list_unmeasured

GENERATED = (".git", ".venv", "build", "_site", "analysis", "_parts", "_variables.yml", ".*cache", "__pycache__")
SMALLEST_FILE = 30_000
TARGET = ["report", "PROFILE=ci"]
# The part of the page that states what the run took, and in it the sentence and the numbers that differ.
COSTS = re.compile(r'<p>The seven notebooks took.*?(?=<section id="how-the-cost-grows")', re.DOTALL)
TAKEN = re.compile(r'(?<=<p>)The seven notebooks took.*?(?=</p>)|(?<=<td class="number">)[\d,.]+')


class Copy:
    """A copy of the project in a folder of its own, in which make builds."""

    def __init__(self, folder: Path):
        """Copy what the project consists of; nothing that was generated."""
        self.folder = folder / "project"
        shutil.copytree(ROOT, self.folder, ignore=shutil.ignore_patterns(*GENERATED))
        packages = Path(sys.executable).parent
        self.command = ["make", f"BIN={packages}", "READY=", *TARGET]
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
        }
        self.environment["PYTHONPATH"] = str(self.folder / "lib")

    def start(self, limit: int | None = None) -> subprocess.Popen:
        """Start make in a process group of its own; no file that it writes may be larger than `limit`."""

        def restrict() -> None:
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        return subprocess.Popen(
            self.command,
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


def kill_often(copy: Copy, random: Random, kills: int, longest: float) -> dict:
    """Start make again and again and kill it, each time after a random while; returns what was seen."""
    stages = sorted(path.name for path in (copy.folder / "notebooks").glob("*.ipynb"))
    torn: list[str] = []
    moments = []
    while len(moments) < kills:
        process = copy.start()
        moment = random.uniform(0, longest)
        try:
            process.communicate(timeout=moment)
            # It was done before its time: something becomes stale, so that there is something to kill.
            (copy.folder / "notebooks" / random.choice(stages)).touch()
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            moments.append(round(moment, 1))
            torn += copy.find_torn()
    return {"kills": len(moments), "seconds_before": moments, "torn_files": torn}


def fill_disk(copy: Copy) -> dict:
    """Run make where no file may grow, and as root on a disk that is full; returns what was said."""
    said = {}
    # Or there would be nothing left to write.
    shutil.rmtree(copy.folder / "build")
    process = copy.start(limit=SMALLEST_FILE)
    output, _ = process.communicate()
    said["files_too_large"] = judge_failure(process.returncode, output)
    with tempfile.TemporaryDirectory() as place:
        if mount(place, "size=1m"):
            moved = copy.folder / "build"
            shutil.rmtree(moved, ignore_errors=True)
            moved.symlink_to(place)
            process = copy.start()
            output, _ = process.communicate()
            said["disk_full"] = judge_failure(process.returncode, output)
            subprocess.run(["mount", "-o", "remount,ro", place], check=True)
            process = copy.start()
            output, _ = process.communicate()
            said["read_only"] = judge_failure(process.returncode, output)
            moved.unlink()
            subprocess.run(["umount", place], check=True)
    if "read_only" not in said:
        said["read_only"] = forbid_writing(copy)
    return said


def forbid_writing(copy: Copy) -> dict:
    """Run make in folders without write permission, which root would not notice."""
    folders = [path for path in [copy.folder, *copy.folder.rglob("*")] if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    process = copy.start()
    output, _ = process.communicate()
    for folder in folders:
        folder.chmod(0o755)
    return judge_failure(process.returncode, output)


def mount(place: str, options: str) -> bool:
    """Mount a small disk in memory; returns whether that is allowed here."""
    run = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True, check=False
    )
    return run.returncode == 0


def judge_failure(status: int, output: str) -> dict:
    """Return whether a build stopped as it should: with one error and no traceback."""
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    clear = status != 0 and len(errors) == 1 and "Traceback" not in output
    return {"clear": clear, "said": (errors or output.splitlines()[-3:])[0][:400] if output else ""}


def build_twice(copy: Copy) -> dict:
    """Run make twice at once; returns whether both came to their end."""
    for name in ("build", "_site", "analysis", "_parts"):
        shutil.rmtree(copy.folder / name, ignore_errors=True)
    both = [copy.start() for _ in range(2)]
    outputs = [process.communicate()[0] for process in both]
    return {
        "succeeded": sum(process.returncode == 0 for process in both),
        "waited": sum("waiting for it" in output for output in outputs),
        "executed": sum(output.count(" done in ") for output in outputs),
    }


def main() -> int:
    """Make the faults, print what came of each as JSON, and return how many left another site, at most 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="how often make is killed")
    parser.add_argument("--seed", type=int, default=1, help="fixes the moments")
    parser.add_argument("--output", type=Path, default=RESULTS, help="file of results that takes what was seen")
    options = parser.parse_args()
    results: dict[str, dict] = {}
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        copy = Copy(Path(folder))
        other = Copy(Path(folder) / "another folder")
        begun = time.perf_counter()
        copy.build()
        seconds = time.perf_counter() - begun
        undisturbed = copy.digest()
        other.build()
        results["another_folder"] = {"differing_files": compare(undisturbed, other.digest())}
        print(json.dumps({"another_folder": results["another_folder"]}), flush=True)
        shutil.rmtree(copy.folder / "build")
        faults = {
            # Twice the mean time of a stage, or a build would never get anywhere.
            "killed": lambda: kill_often(copy, Random(options.seed), options.kills, seconds / 4),
            "full": lambda: fill_disk(copy),
            "twice": lambda: build_twice(copy),
        }
        for name, make_fault in faults.items():
            seen = make_fault()
            copy.build()
            results[name] = seen | {"differing_files": compare(undisturbed, copy.digest())}
            print(json.dumps({name: results[name]}), flush=True)
    wrong = [name for name, seen in results.items() if seen["differing_files"] or seen.get("torn_files")]
    wrong += [name for name, seen in results["full"].items() if isinstance(seen, dict) and not seen["clear"]]
    wrong += ["twice"] if results["twice"]["succeeded"] < 2 else []
    keep_results("faults", [{**results, "files": len(undisturbed), "wrong": wrong}], options.output)
    print(f"{len(undisturbed)} files of the site compared after each fault; wrong: {', '.join(wrong) or 'nothing'}")
    return min(1, len(wrong))


if __name__ == "__main__":
    sys.exit(main())
