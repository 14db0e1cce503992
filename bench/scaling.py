"""How the stages grow: seconds and peak memory of each on generated shops of several sizes.

Generates a shop for each size (1 is RetailRocket's) and runs every stage in a process of its own, several times: the
data stages, learning a forecast, and an epoch of GRU4Rec. The engine may hold half of the machine's memory. With
--limits the data stages run again under each of them. Prints one JSON line a stage, the medians of its runs. A size
that was measured before keeps its results until it is measured again. What a run generates is removed in the end.
"""

import argparse
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from measurement import RESULTS, describe_machine, keep_results, measure, measure_stage
from smartrocket.files import ROOT, read_json, write_json
from stages import MODELS, TABLES, find_table

# Only the standard library is imported here: a process starts with the peak memory of the one that started it.
BENCH = Path(__file__).parent
SMALLEST, LARGEST = 0.0001, 1000


def measure_size(folder: Path, scale: float, runs: int, limits: list[str]) -> Iterator[tuple[str, dict]]:
    """Measure the generator and every stage on a shop of a size, in an empty folder below build/.

    Yields the section of the results that a line belongs to, and the line. A stage runs `runs` times, and its figures
    are the medians. Under each of `limits` (such as "1GB") the data stages run again.
    """
    half = f"{max(1, round(describe_machine()['memory_gigabytes'] / 2))}GB"
    made = measure(BENCH / "shop.py", str(folder), "--scale", str(scale))
    # What was just made must not be on its way to the disk while the stages read and write.
    os.sync()
    raw = folder / "notebooks" / "raw"
    size = sum(path.stat().st_size for path in raw.iterdir())
    usual = f"scaling {scale:g}"
    about = {"scale": scale, "stage": "generator", "runs": 1}
    yield usual, {**about, "megabytes": round(size / 1e6, 1), **made.describe()}
    limit_memory(folder, half)
    for stage in TABLES:
        yield usual, {"scale": scale, "memory_limit": half, **measure_tables(folder, stage, runs)}
    for stage in MODELS:
        figures = measure_stage(BENCH / "model_stages.py", stage, folder, runs)
        yield usual, {"scale": scale, "memory_limit": half, "stage": stage, **figures}
    for limit in limits:
        limit_memory(folder, limit)
        for stage in TABLES:
            line = {"scale": scale, "memory_limit": limit, **measure_tables(folder, stage, runs)}
            yield f"memory {scale:g} {limit}", line


def measure_tables(folder: Path, stage: str, runs: int) -> dict:
    """Return what a data stage takes, and the megabytes of the tables that it leaves."""
    figures = measure_stage(BENCH / "library_stages.py", stage, folder, runs)
    size = sum(find_table(folder / "smartrocket", table).stat().st_size for table in TABLES[stage])
    return {"stage": stage, **figures, "megabytes": round(size / 1e6, 1)}


def limit_memory(folder: Path, limit: str) -> None:
    """Put a limit of memory into the parameters of a run's notebooks."""
    parameters = read_json(folder / "parameters.json")
    for values in parameters.values():
        values["memory_limit"] = limit
    write_json(folder / "parameters.json", parameters)


def main(words: list[str] | None = None) -> None:
    """Measure the sizes that the command line names; prints the lines as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=float, nargs="+", help="sizes of the shops, 1 = RetailRocket's")
    parser.add_argument("--runs", type=int, default=3, help="runs of each stage")
    parser.add_argument("--limits", nargs="*", default=[], help="what else the engine may hold, such as 1GB 200MB")
    parser.add_argument("--output", type=Path, default=RESULTS, help="file of results that takes the lines")
    options = parser.parse_args(words)
    for size in options.sizes:
        if not SMALLEST <= size <= LARGEST:
            parser.error(f"{size:g} is no size: give one from {SMALLEST:g} to {LARGEST:g} times RetailRocket's")
    place = ROOT / "build" / "bench"
    place.mkdir(parents=True, exist_ok=True)
    for scale in options.sizes:
        sections = defaultdict(list)
        with tempfile.TemporaryDirectory(prefix="scaling-", dir=place) as folder:
            for section, line in measure_size(Path(folder), scale, options.runs, options.limits):
                sections[section].append(line)
                print(json.dumps(line), flush=True)
        for section, lines in sections.items():
            keep_results(section, lines, options.output)


if __name__ == "__main__":
    sys.exit(main())
