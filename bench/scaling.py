"""How the stages grow: seconds and peak memory of each on generated shops of several sizes.

Generates a shop for each size (1 is RetailRocket's) and runs every stage in a process of its own, several times: the
data stages, learning a forecast, and an epoch of GRU4Rec. Prints one JSON line a stage, the medians of its runs. With
--memory-limit only the data stages run, which that limit is for. A size that was measured before keeps its results
until it is measured again. What a run generates is removed in the end.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measurement import RESULTS, keep_results, measure, measure_stage
from smartrocket.files import ROOT
from stages import MODELS, TABLES

# Only the standard library is imported here: a process starts with the peak memory of the one that started it.
BENCH = Path(__file__).parent
SMALLEST = 0.0001
# A shop this much larger than RetailRocket's is measured once: its runs take long and differ little.
LARGE = 3


def measure_size(folder: Path, scale: float, runs: int, memory_limit: str | None) -> Iterator[dict]:
    """Measure the generator and every stage on a shop of a size, in an empty folder below build/; one line each.

    A stage runs `runs` times, and its figures are the medians. `memory_limit` replaces that of the profile.
    """
    limit = ["--memory-limit", memory_limit] if memory_limit else []
    made = measure(BENCH / "shop.py", str(folder), "--scale", str(scale), *limit)
    parameters = json.loads((folder / "parameters.json").read_text(encoding="utf-8"))
    about = {"benchmark": "scaling", "scale": scale, "memory_limit": parameters["01_eda"]["memory_limit"]}
    about |= {"threads": parameters["01_eda"]["threads"]}
    # What was just made must not be on its way to the disk while the stages read and write.
    os.sync()
    raw = folder / "notebooks" / "raw"
    size = sum(path.stat().st_size for path in raw.iterdir())
    yield {**about, "stage": "generator", "runs": 1, "megabytes": round(size / 1e6, 1), **made.describe()}
    for stage, tables in TABLES.items():
        figures = measure_stage(BENCH / "library_stages.py", stage, folder, runs)
        written = sum((folder / "smartrocket" / f"{table}.parquet").stat().st_size for table in tables)
        yield {**about, "stage": stage, **figures, "megabytes": round(written / 1e6, 1)}
    if not memory_limit:
        for stage in MODELS:
            yield {**about, "stage": stage, **measure_stage(BENCH / "model_stages.py", stage, folder, runs)}


def main(words: list[str] | None = None) -> None:
    """Measure the sizes that the command line names; prints the lines as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=float, nargs="+", help="sizes of the shops, 1 = RetailRocket's")
    parser.add_argument("--runs", type=int, default=3, help="runs of each stage (one for shops of more than 3)")
    parser.add_argument("--memory-limit", help="what the engine may hold, such as 1GB, instead of the profile's")
    parser.add_argument("--output", type=Path, default=RESULTS, help="file of results that takes the lines")
    options = parser.parse_args(words)
    if min(options.sizes) < SMALLEST:
        parser.error(f"{min(options.sizes):g} is too small: a shop needs {SMALLEST:g} of RetailRocket's size")
    place = ROOT / "build" / "bench"
    place.mkdir(parents=True, exist_ok=True)
    for scale in options.sizes:
        lines = []
        with tempfile.TemporaryDirectory(prefix="scaling-", dir=place) as folder:
            runs = 1 if scale > LARGE else options.runs
            for line in measure_size(Path(folder), scale, runs, options.memory_limit):
                lines.append(line)
                print(json.dumps(line), flush=True)
        section = f"memory {scale:g} {options.memory_limit}" if options.memory_limit else f"scaling {scale:g}"
        keep_results(section, lines, options.output)


if __name__ == "__main__":
    sys.exit(main())
