"""Mutation testing: are the tests good enough to notice a mistake? mutmut makes small ones in a module, one at a time.

Runs only the test files named for the module below. Needs mutmut, which `make mutants` puts into build/mutants/tools,
outside of the environment. Prints and keeps for each module how many mistakes were tried, how many the tests noticed
(killed, or a run that does not end), and the names of those that survived.

    make mutants MODULES="sessions cleaning"
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from measurement import RESULTS, keep_results
from smartrocket.files import ROOT, remove

TESTS = {
    "sessions": ["test_sessions.py"],
    "sequences": ["test_sequences.py"],
    "cleaning": ["test_cleaning.py"],
    "panel": ["test_panel.py"],
    "cooccurrence": ["test_cooccurrence.py"],
    "ranking": ["test_ranking.py"],
    "demand_scores": ["test_demand_scores.py"],
}
FOLDER = ROOT / "build" / "mutants"
TOOLS = FOLDER / "tools"
SETTINGS = """[mutmut]
source_paths=src
only_mutate=src/smartrocket/{module}.py
pytest_add_cli_args_test_selection=
{tests}
also_copy=
    params
    notebooks
    bench
    pytest.ini
"""
# The settings of pytest, without those of several processes.
OPTIONS = "-q -p no:cacheprovider --hypothesis-profile mutants -m 'not nightly'"
MARKERS = "".join(f"  {name}: slow\n" for name in ("chain", "browser", "nightly"))
PYTEST = f"[pytest]\npythonpath = bench\naddopts = {OPTIONS}\nmarkers =\n{MARKERS}"


def copy_project(module: str) -> Path:
    """Copy what the tests of a module need to a folder of its own, with the library under the name mutmut knows."""
    folder = FOLDER / module
    remove(folder)
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("tests", "params", "notebooks", "bench"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    shutil.copytree(ROOT / "lib" / "smartrocket", folder / "src" / "smartrocket", ignore=ignore)
    tests = "\n".join(f"    tests/{test}" for test in TESTS[module])
    (folder / "setup.cfg").write_text(SETTINGS.format(module=module, tests=tests), encoding="utf-8")
    (folder / "pytest.ini").write_text(PYTEST, encoding="utf-8")
    return folder


def run_mutmut(folder: Path, *words: str) -> str:
    """Run mutmut in a folder; returns what it printed."""
    environment = os.environ | {"PYTHONPATH": str(TOOLS)}
    run = subprocess.run(
        [sys.executable, "-m", "mutmut", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout + run.stderr


def test_module(module: str, processes: int) -> dict:
    """Make every mistake in a module and run its tests; returns tried, killed, score and survivors.

    Raises SystemExit where the tests do not even pass without a mistake, and where some mistakes were not tried.
    """
    folder = copy_project(module)
    output = run_mutmut(folder, "run", "--max-children", str(processes))
    listed = run_mutmut(folder, "results", "--all", "true")
    outcomes = dict(line.strip().rsplit(": ", 1) for line in listed.splitlines() if f".{module}." in line)
    if not outcomes or "not checked" in outcomes.values():
        raise SystemExit(f"error: mutmut did not try all of {module}:\n{output[-2000:]}")
    killed = sum(outcome in ("killed", "timeout") for outcome in outcomes.values())
    survivors = sorted(name for name, outcome in outcomes.items() if outcome not in ("killed", "timeout"))
    score = round(killed / len(outcomes), 4)
    return {"tried": len(outcomes), "killed": killed, "score": score, "survivors": survivors}


def main() -> None:
    """Try the named modules, one after the other, and add them to what is known of the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "modules", nargs="*", choices=[*TESTS, []], help="modules of the library; all where none is named"
    )
    parser.add_argument("--processes", type=int, default=2, help="how many mistakes are tried at once")
    parser.add_argument("--output", type=Path, default=RESULTS, help="file of results that takes the scores")
    options = parser.parse_args()
    for module in options.modules or TESTS:
        found = test_module(module, options.processes)
        keep_results(f"mutants {module}", [{"module": module, **found}], options.output)
        print(
            f"{module}: {found['killed']} of {found['tried']} mistakes noticed ({100 * found['score']:.1f} %)",
            flush=True,
        )
        for name in found["survivors"]:
            print(f"  not noticed: {name}", flush=True)


if __name__ == "__main__":
    main()
