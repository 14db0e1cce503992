"""What the benchmarks found, as a page shows it: growth by stage, a bound on memory, and ratios to other programs.

`make bench` leaves JSON lines in build/bench/; a report reads what is there and says what was not measured.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.tables import table
from smartrocket.wording import duration, joined, number

STAGES = {
    "ingest": "copy the raw files",
    "clean": "clean",
    "panel": "panel of features",
    "sequences": "sessions and sequences",
    "related": "related items",
}
# A stage is in step with the log where ten times the rows take no more than twelve to thirteen times as long.
STEEPEST = 1.1
# A stage that takes less is mostly the start of its queries, and tells nothing of growth.
SHORTEST_SECONDS = 1.0
# How something grows is told by no fewer sizes.
FEWEST_SIZES = 2


def read_lines(folder: Path, pattern: str) -> list[dict]:
    """Return the JSON lines of the benchmark files whose name fits, in the order of the names."""
    paths = sorted(folder.glob(pattern))
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines() if line]


def read_scaling(folder: Path) -> pd.DataFrame:
    """Return the data stages at every size measured: scale, stage, seconds, cpu_seconds, peak_megabytes, in order.

    Empty where none was measured.
    """
    columns = ["scale", "stage", "seconds", "cpu_seconds", "peak_megabytes"]
    rows = [line for line in read_lines(folder, "scaling-*.jsonl") if line["stage"] in STAGES]
    frame = pd.DataFrame(rows, columns=columns).drop_duplicates(["scale", "stage"], keep="last")
    order = frame["stage"].map({stage: place for place, stage in enumerate(STAGES)})
    return frame.assign(order=order).sort_values(["order", "scale"], ignore_index=True).drop(columns="order")


def find_slope(scales: Sequence[float], seconds: Sequence[float]) -> float | None:
    """Return the slope of the logarithm of time over that of size, between the two largest sizes; None without two.

    1 means in step. The largest sizes count, since on small ones the start of the queries takes most of the time.
    """
    pairs = sorted(zip(scales, seconds, strict=True))[-2:]
    if len(pairs) < FEWEST_SIZES or min(time for _, time in pairs) <= 0:
        return None
    (small, short), (large, long) = pairs
    return math.log(long / short) / math.log(large / small)


def tabulate_scaling(scaling: pd.DataFrame) -> pd.DataFrame:
    """List the stages, and all of them, with their seconds and megabytes at each size, and the slope of the time.

    The slope is that of the processor's seconds, which other work on the machine does not stretch.
    """
    total = scaling.groupby("scale", as_index=False).agg(
        seconds=("seconds", "sum"), cpu_seconds=("cpu_seconds", "sum"), peak_megabytes=("peak_megabytes", "max")
    )
    rows = []
    for stage, part in [*scaling.groupby("stage", sort=False), ("all", total)]:
        row: dict[str, object] = {"stage": STAGES.get(stage, stage)}
        for line in part.itertuples():
            row[f"{line.scale:g}×: s"] = line.seconds
            row[f"{line.scale:g}×: MB"] = line.peak_megabytes
        rows.append(row | {"slope": find_slope(part["scale"], part["cpu_seconds"])})
    return pd.DataFrame(rows).astype({"slope": float})


def draw_scaling(scaling: pd.DataFrame) -> Finding:
    """Draw the seconds of each stage over the size of the shop, both logarithmic, and say what grows out of step."""
    sizes = sorted(scaling["scale"].unique())
    if len(sizes) < FEWEST_SIZES:
        return Finding(
            "How the stages grow was not measured on the machine that built this report: `make bench` measures shops "
            "of a tenth of RetailRocket's size and of its whole size, and `make bench SCALE=10` one of ten times that."
        )
    figure, axes = figures.canvas(8, 3.8)
    for colour, (stage, part) in zip(figures.PALETTE, scaling.groupby("stage", sort=False), strict=False):
        axes.plot(part["scale"], part["cpu_seconds"], "o-", color=colour, label=STAGES[stage])
    first = scaling.loc[scaling["scale"] == sizes[0], "cpu_seconds"].max()
    axes.plot(sizes, [first * size / sizes[0] for size in sizes], "--", color=figures.MUTED, label="in step")
    axes.set(xscale="log", yscale="log", xlabel="size of the shop (1 = RetailRocket)", ylabel="processor seconds")
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.minorticks_off()
    axes.legend(fontsize=9)
    reading = read_slopes(scaling)
    return Finding(
        figure=figure,
        caption="Processor seconds of each data stage on generated shops, both axes logarithmic: a stage in step with "
        "the log runs parallel to the dashed line.",
        alt=f"Lines that rise with the size of the shop. {reading}",
        reading=reading,
    )


def say_size(scale: float) -> str:
    """Say how large a shop is: 1 -> "RetailRocket's size", 10 -> "10 times RetailRocket's size"."""
    return "RetailRocket's size" if scale == 1 else f"{scale:g} times RetailRocket's size"


def read_slopes(scaling: pd.DataFrame) -> str:
    """Say how the stages grow between the two largest sizes, and how much memory the largest takes."""
    sizes = sorted(scaling["scale"].unique())
    largest = scaling[scaling["scale"] == sizes[-1]]
    slopes = {
        stage: find_slope(part["scale"], part["cpu_seconds"])
        for stage, part in scaling.groupby("stage", sort=False)
        if part["seconds"].max() >= SHORTEST_SECONDS and part["scale"].max() == sizes[-1]
    }
    steep = {stage: slope for stage, slope in slopes.items() if slope is not None and slope > STEEPEST}
    peak = largest.loc[largest["peak_megabytes"].idxmax()]
    sentence = (
        f"At {say_size(sizes[-1])} the data stages take {duration(largest['seconds'].sum())} and at "
        f"most {number(peak.peak_megabytes)} MB ({STAGES[peak.stage]}). "
    )
    span = f"From {sizes[-2]:g} to {sizes[-1]:g} times"
    if not slopes:
        return sentence + f"{span} no stage takes a second, so nothing can be said of their growth."
    if steep:
        parts = [f"*{STAGES[stage]}* with a slope of {slope:.2f}" for stage, slope in steep.items()]
        return sentence + f"{span} these grow faster than the log: {joined(parts)} (1 is in step)."
    return sentence + f"{span} no stage grows faster than the log: the steepest slope is {max(slopes.values()):.2f}."


def read_bound(folder: Path) -> Finding:
    """Say whether the data stages finished under a smaller limit of memory than usual, and what they really took."""
    frame = pd.DataFrame(
        [line for line in read_lines(folder, "memory-*.jsonl") if line["stage"] in STAGES],
        columns=["scale", "memory_limit", "stage", "seconds", "peak_megabytes"],
    )
    if frame.empty:
        return Finding("What a smaller limit of memory does was not measured: `make bench` does it.")
    sentences = []
    for (scale, limit), run in frame.groupby(["scale", "memory_limit"]):
        peak = run.loc[run["peak_megabytes"].idxmax()]
        sentences.append(
            f"With `memory_limit: {limit}` all stages of a shop of {say_size(scale)} finish, in "
            f"{duration(run['seconds'].sum())}. The largest process held {number(peak.peak_megabytes)} MB "
            f"({STAGES[peak.stage]}): the limit is the engine's, and Python with its libraries, and what a stage "
            "itself keeps, come on top."
        )
    return Finding(" ".join(sentences))


def tabulate_comparisons(folder: Path) -> pd.DataFrame:
    """List every measured figure beside what it is compared with: what, ours, the other's, seconds, ratio, runs."""
    rows = []
    data = [line for line in read_lines(folder, "data.jsonl") if line["stage"] in STAGES]
    for stage in STAGES:
        lines = {line["engine"]: line for line in data if line["stage"] == stage}
        if {"smartrocket", "pandas"} <= lines.keys():
            own, other = lines["smartrocket"], lines["pandas"]
            rows.append((STAGES[stage], "plain pandas", own["seconds"], other["seconds"], own["runs"]))
    for line in read_lines(folder, "compared-*.jsonl"):
        other = line.get("other_seconds")
        rows.append((line["what"], line.get("other", ""), line["seconds"], other, line["runs"]))
    # Both networks have settings of their own, so what is compared is the time for as many clicks.
    speeds = {line["model"]: line["events_per_second"] for line in read_lines(folder, "recommenders.jsonl")}
    own, official = speeds.get("GRU4Rec"), speeds.get("official GRU4Rec")
    if own and official:
        rows.append(("training GRU4Rec on a million clicks", "the official code", 1e6 / own, 1e6 / official, 1))
    frame = pd.DataFrame(rows, columns=["what", "beside", "seconds", "the other's seconds", "runs"])
    frame = frame.astype({"seconds": float, "the other's seconds": float})
    frame["times as long"] = frame["the other's seconds"] / frame["seconds"]
    return frame[["what", "seconds", "beside", "the other's seconds", "times as long", "runs"]]


def read_comparisons(frame: pd.DataFrame) -> str:
    """Say between which ratios the others lie."""
    compared = frame.dropna(subset="times as long")
    if frame.empty:
        return "Nothing was measured beside other programs on the machine that built this report: `make bench` does it."
    if compared.empty:
        return "No other program was measured beside these."
    ratio = compared["times as long"]
    slowest, fastest = compared.loc[ratio.idxmax()], compared.loc[ratio.idxmin()]
    sentence = (
        f"The largest difference is in *{slowest.what}*: {slowest.beside} takes {slowest['times as long']:.1f} times "
        "as long."
    )
    if len(compared) > 1:
        sentence += (
            f" The smallest is in *{fastest.what}*, where {fastest.beside} takes {fastest['times as long']:.1f} times "
            "as long" + (", and so is the faster one." if fastest["times as long"] < 1 else ".")
        )
    return sentence


def show_scaling(scaling: pd.DataFrame) -> str:
    """Return the table of seconds and megabytes by stage and size as HTML; nothing where none was measured."""
    if scaling.empty:
        return ""
    frame = tabulate_scaling(scaling)
    formats = {name: ",.1f" if name.endswith("s") else ",.0f" for name in frame.columns[1:-1]} | {"slope": ".2f"}
    caption = "Seconds and peak memory by stage on generated shops; the slope is between the two largest"
    return table(frame, caption, formats, highlight="all").data


def show_comparisons(frame: pd.DataFrame) -> str:
    """Return the table of comparisons as HTML; nothing where none was made."""
    if frame.empty:
        return ""
    formats = {"seconds": ",.2f", "the other's seconds": ",.2f", "times as long": ",.2f"}
    return table(frame, "Medians of runs beside other programs doing the same", formats).data
