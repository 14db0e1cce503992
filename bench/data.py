"""The data part of the project against plain pandas: seconds and memory of every stage, and whether both agree.

Generates a shop of RetailRocket's size (or takes raw files), runs each stage by the library and by plain pandas, each
in a process of its own, compares their tables, executes the data notebooks, and prints one JSON line for each.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measurement import FIGURES, RESULTS, keep_results, measure, measure_stage, take_medians
from smartrocket.files import ROOT
from stages import NOTEBOOKS, TABLES

# Only the standard library is imported here: a process starts with the peak memory of the one that started it.
BENCH = Path(__file__).parent
ENGINES = {"smartrocket": BENCH / "library_stages.py", "pandas": BENCH / "pandas_stages.py"}
RAW_FILES = ["events.csv", "item_properties_part1.csv", "item_properties_part2.csv", "category_tree.csv"]
SMALLEST = 0.0001
# What a shop of RetailRocket's size may take on two cores: the notebooks in all, and the library beside pandas.
MOST_SECONDS, MOST_MEGABYTES, LEAST_SPEED, LEAST_THRIFT = 120, 2500, 5, 3


def run_benchmark(folder: Path, scale: float, raw: Path | None, runs: int = 1) -> Iterator[dict]:
    """Run everything in an empty folder below build/; yields one line a stage and the totals as the last one.

    The figures of a stage and of a notebook are the medians of `runs` runs. Raises SystemExit where a stage fails, and
    after the line that says so, where the engines disagree.
    """
    source = ["--raw", str(raw)] if raw else ["--scale", str(scale)]
    made = measure(BENCH / "shop.py", str(folder), *source)
    yield {"stage": "shop", "engine": "generator", **made.describe()}
    lines = []
    for stage in TABLES:
        for engine, script in ENGINES.items():
            lines.append({"stage": stage, "engine": engine, **measure_stage(script, stage, folder, runs)})
            yield lines[-1]
        check = measure(BENCH / "comparison.py", str(folder), stage, *ENGINES)
        difference = json.loads(check.output)
        yield {
            "stage": stage,
            "engine": "comparison",
            **check.describe(),
            "same_results": difference is None,
            "difference": difference,
        }
        if difference is not None:
            raise SystemExit(f"error: the engines disagree in stage {stage}: {difference}.")
    for notebook in NOTEBOOKS:
        notebook_runs = [measure(BENCH / "notebook_stages.py", notebook, str(folder)).describe() for _ in range(runs)]
        lines.append({"stage": notebook, "engine": "notebook", "runs": runs, **take_medians(notebook_runs)})
        yield lines[-1]
    yield sum_up(lines, scale if raw is None else None)


def sum_up(lines: list[dict], scale: float | None) -> dict:
    """Return the last line: totals by engine, the ratios of pandas to the library, and the largest peak of ours.

    `meets` says of each promise of the data part whether it held; they are made for a shop of RetailRocket's size.
    """
    totals = {}
    for engine in (*ENGINES, "notebook"):
        own = [line for line in lines if line["engine"] == engine]
        totals[engine] = {
            "seconds": round(sum(line["seconds"] for line in own), 2),
            # A notebook is timed as a process only.
            "process_seconds": round(sum(line.get("process_seconds", line["seconds"]) for line in own), 2),
            "cpu_seconds": round(sum(line["cpu_seconds"] for line in own), 2),
            "peak_megabytes": max(line["peak_megabytes"] for line in own),
        }
    library, pandas = (totals[engine] for engine in ENGINES)
    ratios = {f"{figure}_ratio": round(pandas[figure] / library[figure], 2) for figure in FIGURES}
    largest = max(library["peak_megabytes"], totals["notebook"]["peak_megabytes"])
    return {
        "stage": "all",
        "scale": scale,
        **totals,
        **ratios,
        "largest_peak_megabytes": largest,
        "meets": {
            "notebooks_seconds": totals["notebook"]["seconds"] < MOST_SECONDS,
            "notebooks_megabytes": totals["notebook"]["peak_megabytes"] < MOST_MEGABYTES,
            "faster_than_pandas": ratios["seconds_ratio"] >= LEAST_SPEED,
            "leaner_than_pandas": ratios["peak_megabytes_ratio"] >= LEAST_THRIFT,
            "fits_in_4_gigabytes": largest < 4096,
        },
        "same_results": True,
    }


def main(words: list[str] | None = None) -> None:
    """Run the benchmark as the command line asks; prints its lines, and keeps them when all is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="size of the generated shop, 1 = RetailRocket's")
    parser.add_argument("--raw", type=Path, help="folder of raw files to take instead of generating a shop")
    parser.add_argument("--runs", type=int, default=1, help="runs of each stage and notebook: their medians count")
    parser.add_argument("--output", type=Path, default=RESULTS, help="file of results that takes the lines")
    options = parser.parse_args(words)
    if options.scale < SMALLEST:
        parser.error(f"--scale {options.scale:g} is too small: a shop needs {SMALLEST:g} of RetailRocket's size")
    if options.raw and (missing := [name for name in RAW_FILES if not (options.raw / name).is_file()]):
        parser.error(f"--raw {options.raw} lacks {', '.join(missing)}: the benchmark needs every file of a shop")
    place = ROOT / "build" / "bench"
    place.mkdir(parents=True, exist_ok=True)
    lines = []
    with tempfile.TemporaryDirectory(prefix="data-", dir=place) as folder:
        for line in run_benchmark(Path(folder), options.scale, options.raw and options.raw.resolve(), options.runs):
            lines.append(line)
            print(json.dumps(line), flush=True)
    keep_results("data", lines, options.output)


if __name__ == "__main__":
    sys.exit(main())
