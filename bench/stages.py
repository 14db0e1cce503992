"""The stages of the benchmark: which tables each one leaves, and how one is run in a process of its own.

A run has one folder: notebooks/ (the build of the shop, with its raw files), parameters.json (those of the notebooks),
and a folder for each engine, laid out like a build.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

NOTEBOOKS = ["01_eda", "02_cleaning", "03_features"]
TABLES = {
    "ingest": ["interim/raw_events", "interim/raw_properties", "interim/raw_categories"],
    "clean": [
        "interim/events",
        "interim/item_categories",
        "interim/item_prices",
        "interim/item_availability",
        "interim/item_names",
        "interim/categories",
        "interim/property_counts",
        "interim/ledger",
    ],
    "panel": ["processed/panel"],
    "sequences": ["processed/session_events", "processed/sequences_train", "processed/sequences_test"],
    "related": ["processed/related_items"],
}

# What learns from these tables; only how it grows is measured.
MODELS = ["forecast", "network"]

Stage = Callable[[Path, dict], None]


def find_table(build: Path, table: str) -> Path:
    """Return the file of a table in the folder of an engine."""
    return build / f"{table}.parquet"


def run(stage: Stage, build: Path, parameters: dict) -> None:
    """Run a stage in the folder of an engine, with the parameters of the notebooks (notebook -> name -> value)."""
    for part in ("interim", "processed"):
        (build / part).mkdir(parents=True, exist_ok=True)
    stage(build, parameters)


def run_named(stages: dict[str, Stage], engine: str) -> None:
    """Run the stage that the command line names, in the run's folder that it names.

    Prints as JSON the rows of the stage's tables, and its seconds from the raw or earlier tables to its own, without
    the start of Python and its imports.
    """
    # Here, since the process that measures imports this module, and must be small.
    from pyarrow import parquet

    name, folder = sys.argv[1], Path(sys.argv[2])
    build = folder / engine
    parameters = json.loads((folder / "parameters.json").read_text(encoding="utf-8"))
    begun = time.perf_counter()
    run(stages[name], build, parameters)
    seconds = time.perf_counter() - begun
    rows = {Path(table).name: parquet.read_metadata(find_table(build, table)).num_rows for table in TABLES[name]}
    print(json.dumps({"seconds": round(seconds, 2), "rows": rows}))
