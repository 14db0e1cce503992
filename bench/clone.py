"""How long `make test` takes from nothing: clones the project into an empty folder and calls it there.

What is not committed is not tried. Nothing of this folder's environment is used, and the clone is removed in the end.
Stops where a test fails.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measurement import RESULTS, keep_results
from smartrocket.files import ROOT

# What make, or an environment that is in use, would hand on to the clone.
HANDED_ON = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX")
SUMMARY = re.compile(r"(\d+) passed(?:, (\d+) skipped)?.* in ([\d.]+)s")


def test_clone(folder: Path) -> dict:
    """Clone the project into a folder and test it there; what is printed there is printed here.

    Returns the seconds of all and of the tests alone, and how many tests passed and were skipped. Raises SystemExit
    where `make test` fails.
    """
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    surroundings = {name: value for name, value in os.environ.items() if name not in HANDED_ON}
    begun, summary = time.perf_counter(), None
    with subprocess.Popen(["make", "test"], cwd=folder, env=surroundings, stdout=subprocess.PIPE, text=True) as make:
        for line in make.stdout:
            print(line, end="", flush=True)
            summary = SUMMARY.search(line) or summary
    seconds = time.perf_counter() - begun
    if make.returncode or summary is None:
        raise SystemExit("error: make test failed in a fresh clone; see above.")
    passed, skipped, test_seconds = summary.groups()
    return {
        "seconds": round(seconds, 1),
        "test_seconds": float(test_seconds),
        "passed": int(passed),
        "skipped": int(skipped or 0),
    }


def main(words: list[str] | None = None) -> None:
    """Test a clone, print what it took and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=RESULTS, help="file of results that takes the figures")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        found = test_clone(Path(folder) / "project")
    print(f"make test took {found['seconds']:.0f} seconds in a fresh clone")
    keep_results("tests", [found], options.output)


if __name__ == "__main__":
    sys.exit(main())
