"""What a report costs: seconds, memory and bytes of each stage, and how they grow with the log."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from smartrocket.tables import table
from smartrocket.wording import duration, number, percent, plural
from smartrocket.workspace import WRITERS, Workspace

FOLDERS = ("interim", "processed", "models")
SIZE = re.compile(r"scaling-[\d.]+")
"""The names of the files that benchmarks leave, one for each size of the shop."""

FEWEST_SIZES = 2
"""How something grows is told by no fewer sizes."""


def measure_sizes(workspace: Workspace) -> dict[str, float]:
    """Return the megabytes that each notebook left in a build's tables and models: notebook -> megabytes."""
    sizes: dict[str, float] = {}
    for folder in FOLDERS:
        for path in workspace.path(folder).rglob("*"):
            relative = path.relative_to(workspace.folder).as_posix()
            writer = find_writer(relative)
            if path.is_file() and writer:
                sizes[writer] = sizes.get(writer, 0.0) + path.stat().st_size / 1e6
    return sizes


def find_writer(relative: str) -> str | None:
    """Return the notebook that writes a file of a build; None where none is known to."""
    starts = [start for start in WRITERS if relative.startswith(start)]
    if not starts:
        return None
    return WRITERS[max(starts, key=len)].removeprefix("notebook ")


def write_costs(manifests: Sequence[Mapping], sizes: Mapping[str, float]) -> tuple[str, str]:
    """Return a sentence about what the notebooks took, and the table of what each took and left as HTML."""
    names = [manifest["notebook"] for manifest in manifests]
    seconds = [float(manifest["seconds"]) for manifest in manifests]
    memory = [float(manifest["peak_megabytes"]) for manifest in manifests]
    left = [sizes.get(name) for name in names]
    frame = pd.DataFrame(
        {
            "Notebook": [*names, "all"],
            "Seconds": [*seconds, sum(seconds)],
            "Peak memory, MB": [*memory, max(memory)],
            "Tables and models, MB": [*left, sum(sizes.values()) if sizes else None],
        }
    ).astype({"Tables and models, MB": float})
    formats = {"Seconds": ",.1f", "Peak memory, MB": ",.0f", "Tables and models, MB": ",.2f"}
    slowest = names[seconds.index(max(seconds))]
    largest = names[memory.index(max(memory))]
    text = (
        f"The seven notebooks took {duration(sum(seconds))} together, one after the other. The longest was "
        f"{slowest}, with {percent(max(seconds) / sum(seconds), 0)} of the time. The most memory, "
        f"{number(max(memory))} MB, was used by {largest}."
    )
    shown = table(frame, "What each notebook took and left in this run", formats, highlight="all").data
    return text, shown


# ---------------------------------------------------------------- growth


def read_growth(folder: Path) -> pd.DataFrame:
    """Return what benchmarks measured of the data stages at several sizes: scale, seconds, peak_megabytes, by scale.

    Reads `scaling-<size>.jsonl` (a line a stage, with scale, seconds and peak_megabytes) in the folder of the
    benchmarks; sizes measured under another limit of memory than the profile's bear it in their names and are left
    out. Empty where nothing was measured.
    """
    rows = []
    for path in sorted(path for path in folder.glob("scaling-*.jsonl") if SIZE.fullmatch(path.stem)):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        stages = [line for line in lines if line["stage"] != "generator"]
        if stages:
            seconds, peak = sum(line["seconds"] for line in stages), max(line["peak_megabytes"] for line in stages)
            rows.append((float(stages[0]["scale"]), float(seconds), float(peak)))
    frame = pd.DataFrame(rows, columns=["scale", "seconds", "peak_megabytes"])
    return frame.sort_values("scale").drop_duplicates("scale").reset_index(drop=True)


def write_growth(growth: pd.DataFrame) -> tuple[str, str]:
    """Return what the measured sizes say of the growth, and their table as HTML; no table where none was measured."""
    if growth.empty:
        return (
            "How the cost grows was not measured on the machine that built this report. `make bench` measures it on "
            "generated shops; then the numbers appear here.",
            "",
        )
    shown = growth.rename(
        columns={"scale": "Size (1 = RetailRocket)", "seconds": "Seconds", "peak_megabytes": "Peak memory, MB"}
    )
    formats = {"Size (1 = RetailRocket)": ",.3g", "Seconds": ",.1f", "Peak memory, MB": ",.0f"}
    text = table(shown, "The data stages, notebooks 1 to 3, on generated shops of several sizes", formats).data
    return describe_growth(growth), text


def describe_growth(growth: pd.DataFrame) -> str:
    """Say how seconds and memory grow from the smallest to the largest size that was measured."""
    if len(growth) < FEWEST_SIZES:
        return f"Measured at {plural(len(growth), 'size')}, so nothing is known of the growth."
    first, last = growth.iloc[0], growth.iloc[-1]
    times = last.scale / first.scale
    slower, larger = last.seconds / first.seconds, last.peak_megabytes / first.peak_megabytes
    power = math.log(slower) / math.log(times)
    steady = 0.9 <= power <= 1.1
    kind = "in step with the log" if steady else "more slowly than the log" if power < 1 else "faster than the log"
    return (
        f"Measured at {plural(len(growth), 'size')}. From the smallest to the largest the log grows {times:,.0f} "
        f"times, the seconds {slower:,.1f} times and the largest memory {larger:,.1f} times. The time grows {kind}."
    )
