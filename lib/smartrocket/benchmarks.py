"""What `make bench` and its like found, as a page shows it: growth, memory, other programs, pages, and tests of tests.

All of it stands in bench/results.json: for each section the day, the commit, the machine and the lines of what was
measured. A report says what is there, and of the rest that it was not measured.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from smartrocket import figures
from smartrocket.files import read_json
from smartrocket.findings import Finding
from smartrocket.tables import table
from smartrocket.wording import (
    capitalise,
    duration,
    joined,
    number,
    percent,
    plural,
    points,
    read_megabytes,
    write_date,
)

DATA_STAGES = {
    "ingest": "copy the raw files",
    "clean": "clean",
    "panel": "panel of features",
    "sequences": "sessions and sequences",
    "related": "related items",
}
ALL_DATA = "all data stages"
STAGES = DATA_STAGES | {"forecast": "learn a forecast", "network": "an epoch of GRU4Rec"}
# A stage is in step with the log where ten times the rows take no more than twelve to thirteen times as long.
STEEPEST = 1.1
# Megabytes on the disk that would be written as nothing are not worth a word.
SMALLEST_SPILL = 0.5
# A stage that takes less is mostly the start of its queries, and tells nothing of growth.
SHORTEST_SECONDS = 1.0
# What a build that could not write ran into, by the name of the fault. Where no disk may be mounted, some are missing.
FAULTS = {
    "files_too_large": "a limit on the size of files",
    "disk_full": "a disk too full for the tables",
    "disk_full_of_pages": "one too full for the pages",
    "read_only": "folders that could only be read",
}
# How something grows is told by no fewer sizes.
FEWEST_SIZES = 2
NETWORK, OFFICIAL = "GRU4Rec", "official GRU4Rec"
ALIKE = "GRU4Rec with the official settings"
# How many times larger the shop is that the report reasons about, beside the largest one measured.
HUNDRED = 100


def read_results(path: Path) -> dict[str, dict]:
    """Return what was measured: section -> its day, commit, machine and lines. Empty where nothing was."""
    return read_json(path) if path.exists() else {}


def list_lines(results: Mapping[str, dict], section: str) -> list[dict]:
    """Return the lines of a section, and of those whose name begins with it: "scaling" has "scaling 0.1" and others."""
    names = [name for name in results if name.split()[0] == section]
    return [line for name in names for line in results[name]["lines"]]


def say_where(results: Mapping[str, dict], *sections: str, what: str = "Measured") -> str:
    """Say when, on what machine and at which commit sections were measured, as a sentence that begins with `what`;
    nothing where none was.
    """
    chosen = [results[name] for name in results if name.split()[0] in sections]
    if not chosen:
        return ""
    days = sorted({date.fromisoformat(section["day"]) for section in chosen})
    span = " to ".join(dict.fromkeys(write_date(day) for day in (days[0], days[-1])))
    machines = sorted(
        {f"{section['cores']} cores and {section['memory_gigabytes']:.0f} GB of memory" for section in chosen}
    )
    # A plus stands for a tree that had changed since that commit.
    commits = sorted({section["commit"][:10] + section["commit"][40:] for section in chosen if section["commit"]})
    at = f", at commit {joined(commits)}" if commits else ""
    return f" {what} on {span} with {joined(machines)}{at}."


# ---------------------------------------------------------------- growth


def read_scaling(results: Mapping[str, dict]) -> pd.DataFrame:
    """Return the stages at every size measured, in order; empty where none was.

    Columns: scale, stage, seconds, cpu_seconds, peak_megabytes, runs, memory_limit, spilled_megabytes.
    """
    columns = [
        "scale",
        "stage",
        "seconds",
        "cpu_seconds",
        "peak_megabytes",
        "runs",
        "memory_limit",
        "spilled_megabytes",
    ]
    rows = [line for line in list_lines(results, "scaling") if line["stage"] in STAGES]
    frame = pd.DataFrame(rows, columns=columns)
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
    """List the stages, and all that make the data, with their seconds and megabytes at each size.

    `slope` is that of the seconds, `processor's slope` that of the processor's seconds, which waiting does not stretch.
    """
    total = scaling[scaling["stage"].isin(DATA_STAGES)].groupby("scale", as_index=False)
    total = total.agg(
        seconds=("seconds", "sum"), cpu_seconds=("cpu_seconds", "sum"), peak_megabytes=("peak_megabytes", "max")
    )
    rows = []
    for stage, part in [*scaling.groupby("stage", sort=False), (ALL_DATA, total)]:
        row: dict[str, object] = {"stage": STAGES.get(stage, stage)}
        for line in part.itertuples():
            row[f"{line.scale:g}×: s"] = line.seconds
            row[f"{line.scale:g}×: MB"] = line.peak_megabytes
        row["slope"] = find_slope(part["scale"], part["seconds"])
        rows.append(row | {"processor's slope": find_slope(part["scale"], part["cpu_seconds"])})
    return pd.DataFrame(rows).astype({"slope": float, "processor's slope": float})


def draw_scaling(scaling: pd.DataFrame) -> Finding:
    """Draw the seconds of each stage over the size of the shop, both logarithmic, and say what grows out of step."""
    sizes = sorted(scaling["scale"].unique())
    if len(sizes) < FEWEST_SIZES:
        return Finding("How the stages grow was not measured: `make bench` measures shops of four sizes.")
    figure, axes = figures.canvas(8, 3.8)
    for colour, (stage, part) in zip(figures.PALETTE, scaling.groupby("stage", sort=False), strict=False):
        axes.plot(part["scale"], part["seconds"], "o-", color=colour, label=STAGES[stage])
    first = scaling.loc[scaling["scale"] == sizes[0], "seconds"].max()
    axes.plot(sizes, [first * size / sizes[0] for size in sizes], "--", color=figures.MUTED, label="in step")
    axes.set(xscale="log", yscale="log", xlabel="size of the shop (1 = RetailRocket)", ylabel="seconds")
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.minorticks_off()
    axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1.01, 0.5))
    reading = read_slopes(scaling)
    return Finding(
        figure=figure,
        caption="Seconds of each stage on generated shops, both axes logarithmic: a stage in step with "
        "the log runs parallel to the dashed line.",
        alt=f"Lines that rise with the size of the shop. {reading}",
        reading=reading,
    )


def say_size(scale: float) -> str:
    """Say how large a shop is: 1 -> "RetailRocket's size", 10 -> "10 times RetailRocket's size"."""
    return "RetailRocket's size" if scale == 1 else f"{scale:g} times RetailRocket's size"


def say_runs(runs: pd.Series) -> str:
    """Say of how many runs figures are the medians, as an aside; nothing where they differ in that."""
    if runs.nunique() != 1:
        return ""
    return " (each measured once)" if runs.iloc[0] == 1 else f" (medians of {runs.iloc[0]} runs)"


def read_slopes(scaling: pd.DataFrame) -> str:
    """Say how the stages grow between the two largest sizes, and how much memory the largest takes."""
    sizes = sorted(scaling["scale"].unique())
    largest = scaling[scaling["scale"] == sizes[-1]]
    data = largest[largest["stage"].isin(DATA_STAGES)]
    long = {
        stage: part
        for stage, part in scaling.groupby("stage", sort=False)
        if part["seconds"].max() >= SHORTEST_SECONDS and part["scale"].max() == sizes[-1]
    }
    slopes = {stage: find_slope(part["scale"], part["seconds"]) for stage, part in long.items()}
    steep = {stage: slope for stage, slope in slopes.items() if slope is not None and slope > STEEPEST}
    peak = largest.loc[largest["peak_megabytes"].idxmax()]
    sentence = (
        f"At {say_size(sizes[-1])} the data stages take {duration(data['seconds'].sum())}{say_runs(largest['runs'])}, "
        f"where the engine may hold {peak.memory_limit}, and no stage holds more than {number(peak.peak_megabytes)} MB "
        f"({STAGES[peak.stage]}). "
    )
    span = f"From {sizes[-2]:g} to {sizes[-1]:g} times"
    if not slopes:
        return sentence + f"{span} no stage takes a second, so nothing can be said of their growth."
    if steep:
        parts = [f"*{STAGES[stage]}* with a slope of {slope:.2f}" for stage, slope in steep.items()]
        text = f"{span} these grow faster than the log: {joined(parts)} (1 is in step)."
        waiting = [
            f"*{STAGES[stage]}*"
            for stage in steep
            if (find_slope(long[stage]["scale"], long[stage]["cpu_seconds"]) or 0) <= STEEPEST
        ]
        if waiting:
            text += (
                f" The processor's work does not in {joined(waiting)}: there the larger log has the cores less busy."
            )
        spills = [long[stage].iloc[-1] for stage in steep]
        spills = [line for line in spills if line["spilled_megabytes"] >= SMALLEST_SPILL]
        if spills:
            parts = [f"{number(line['spilled_megabytes'])} MB of *{STAGES[line['stage']]}*" for line in spills]
            text += (
                f" At the larger size not all of it fits into the `memory_limit` of {spills[0]['memory_limit']}: for a "
                f"while {joined(parts)} lay on the disk."
            )
        return sentence + text + read_smaller(scaling)
    steepest = max(slopes, key=slopes.__getitem__)
    return (
        f"{sentence}{span} no slope is above {STEEPEST}, from which on a stage counts as growing faster than the log: "
        f"the steepest is {slopes[steepest]:.2f} (*{STAGES[steepest]}*; 1 is in step).{read_smaller(scaling)}"
    )


def read_smaller(scaling: pd.DataFrame) -> str:
    """Say which stage grows most between two smaller sizes, where that is faster than the log; else nothing."""
    found = []
    for stage, part in scaling.groupby("stage", sort=False):
        rows = part.sort_values("scale")[["scale", "seconds"]].to_numpy()
        for (small, less), (large, more) in itertools.pairwise(rows[:-1]):
            if less >= SHORTEST_SECONDS and (slope := find_slope([small, large], [less, more])) > STEEPEST:
                found.append((slope, stage, small, large))
    if not found:
        return ""
    slope, stage, small, large = max(found)
    return f" Between smaller shops *{STAGES[stage]}* grows faster: from {small:g} to {large:g} times with {slope:.2f}."


def show_scaling(scaling: pd.DataFrame) -> str:
    """Return the table of seconds and megabytes by stage and size as HTML; nothing where none was measured."""
    if scaling.empty:
        return ""
    frame = tabulate_scaling(scaling).rename(columns=capitalise)
    formats = {name: ",.1f" if name.endswith("s") else ",.0f" for name in frame.columns[1:-2]}
    formats |= dict.fromkeys(frame.columns[-2:], ".2f")
    caption = "Seconds and peak memory by stage on generated shops; the slopes are between the two largest"
    return table(frame, caption, formats, highlight=ALL_DATA).data


def list_shops(results: Mapping[str, dict]) -> pd.DataFrame:
    """Return the shops of every size measured: scale, events, properties (rows), gigabytes (of raw files)."""
    lines = {(line["scale"], line["stage"]): line for line in list_lines(results, "scaling")}
    rows = [
        (
            scale,
            line["rows"]["raw_events"],
            line["rows"]["raw_properties"],
            lines[scale, "generator"]["megabytes"] / 1e3,
        )
        for (scale, stage), line in sorted(lines.items())
        if stage == "ingest" and (scale, "generator") in lines
    ]
    return pd.DataFrame(rows, columns=["scale", "events", "properties", "gigabytes"])


def say_shops(results: Mapping[str, dict]) -> str:
    """Say what the sizes of the shops stand for; nothing where none was measured."""
    shops = list_shops(results)
    ends = shops[shops["scale"].isin([1, shops["scale"].max()])]
    parts = [
        f"{shop.scale:g}× has {number(shop.events / 1e6, 2)} million events, {number(shop.properties / 1e6, 1)} "
        f"million rows of item properties and {number(shop.gigabytes, 2)} GB of raw files"
        for shop in ends.itertuples()
    ]
    return f"{'; '.join(parts)}. " if parts else ""


def write_hundred(results: Mapping[str, dict]) -> str:
    """Say what a shop of a hundred times RetailRocket's size would be and take, if all grows in step from the largest
    one measured, and if it goes on as it grew up to there.
    """
    shops = list_shops(results)
    if shops.empty:
        return "Smaller shops were not measured: `make bench` does it."
    shop = shops.loc[shops["scale"].idxmax()]
    factor = HUNDRED / shop.scale
    stages = {line["stage"]: line for line in list_lines(results, "scaling") if line["scale"] == shop.scale}
    in_step, as_measured = {}, {}
    for stage, part in read_scaling(results).groupby("stage", sort=False):
        # Nothing is reckoned to grow slower than the log, however a noisy run came out.
        slope = max(1, find_slope(part["scale"], part["seconds"]) or 1)
        in_step[stage], as_measured[stage] = (stages[stage]["seconds"] * factor**power for power in (1, slope))

    def add_up(seconds: Mapping[str, float]) -> str:
        data = sum(taken for stage, taken in seconds.items() if stage in DATA_STAGES)
        epoch = f" and {duration(seconds['network'])} for an epoch of GRU4Rec" if "network" in seconds else ""
        return f"{duration(data)} for the data stages{epoch}"

    text = (
        f"At a hundred times the shop has about {number(factor * shop.events / 1e6)} million events, "
        f"{number(factor * shop.properties / 1e9, 1)} billion rows of item properties and "
        f"{number(factor * shop.gigabytes)} GB of raw files"
    )
    if "network" in stages:
        text += f", and {number(factor * stages['network']['rows'] / 1e6)} million clicks to learn from"
    return (
        f"{text}. Were everything in step with {say_size(shop.scale)}, the largest measured, two cores would take "
        f"{add_up(in_step)}. Should each stage go on with its slope from there, it would be {add_up(as_measured)}."
    )


def read_bound(results: Mapping[str, dict]) -> str:
    """Say whether the data stages finished under smaller limits of memory, what they really took, and how much longer
    that is than with the limit that growth was measured with.
    """
    frame = pd.DataFrame(
        [line for line in list_lines(results, "memory") if line["stage"] in STAGES],
        columns=["scale", "memory_limit", "stage", "seconds", "peak_megabytes", "spilled_megabytes", "runs"],
    )
    if frame.empty:
        return "What a smaller limit of memory does was not measured: `make bench` does it."
    scaling = read_scaling(results)
    scaling = scaling[scaling["stage"].isin(DATA_STAGES)]
    sentences = []
    for (scale, limit), run in frame.groupby(["scale", "memory_limit"]):
        peak = run.loc[run["peak_megabytes"].idxmax()]
        seconds, usual = run["seconds"].sum(), scaling[scaling["scale"] == scale]
        text = (
            f"With `memory_limit: {limit}` all data stages of a shop of {say_size(scale)} finish, in "
            f"{duration(seconds)}{say_runs(run['runs'])}"
        )
        if len(usual):
            text += (
                f", {seconds / usual['seconds'].sum():.2f} times what they take with {usual['memory_limit'].iloc[0]}"
            )
        text += ". " + read_smaller_slope(scaling, scale, seconds, limit)
        text += f"The largest process held {number(peak.peak_megabytes)} MB ({STAGES[peak.stage]}). "
        sentences.append(text + read_spills(run))
    return "\n".join(f"- {sentence}" for sentence in sentences)


def read_smaller_slope(scaling: pd.DataFrame, scale: float, seconds: float, limit: str) -> str:
    """Say how the data stages grow up to the largest shop under a smaller limit, if the shop before it fits anyway."""
    sizes = sorted(scaling["scale"].unique())
    if len(sizes) < FEWEST_SIZES or scale != sizes[-1]:
        return ""
    before = scaling[scaling["scale"] == sizes[-2]]
    if before["spilled_megabytes"].max() >= SMALLEST_SPILL or before["peak_megabytes"].max() > read_megabytes(limit):
        return ""
    slope = find_slope([sizes[-2], scale], [before["seconds"].sum(), seconds])
    return f"From {sizes[-2]:g} to {scale:g} times that is a slope of {slope:.2f}. "


def read_spills(run: pd.DataFrame) -> str:
    """Say what the stages of a run wrote to the disk since it did not fit into memory."""
    spills = run[run["spilled_megabytes"] >= SMALLEST_SPILL]
    if run["spilled_megabytes"].isna().any():
        return "What they wrote to the disk for want of memory was not measured."
    if spills.empty:
        return "That was enough: nothing had to be put on the disk for a while."
    parts = [f"{number(line.spilled_megabytes)} MB in *{STAGES[line.stage]}*" for line in spills.itertuples()]
    return f"What did not fit lay on the disk for a while, at most {joined(parts)}."


def read_processes(results: Mapping[str, dict]) -> str:
    """Say what GRU4Rec reaches that several processes trained together, beside one that was trained by one."""
    *trainings, apart = list_lines(results, "processes") or [None]
    if not trainings:
        return "What several processes reach together was not measured: `make bench` does it."
    frame = pd.DataFrame(trainings)
    about, seeds = results["processes"]["about"], frame["seed"].nunique()
    means = frame.groupby("processes")[["recall@20", "mrr@20"]].mean()
    seconds = frame.groupby("processes")["seconds"].agg(["median", "min", "max"])
    one, several = seconds.index.min(), seconds.index.max()
    taken = {
        name: f"{duration(row['median'])} ({number(row['min'])} to {number(row['max'])} seconds)"
        for name, row in seconds.iterrows()
    }
    clicks = int(frame["clicks"].iloc[0])
    told = "too few sessions for an interval"
    if apart["low"] is not None:
        chance = "no more than" if apart["low"] <= 0 <= apart["high"] else "more than"
        low, high = (points(apart[end], 2) for end in ("low", "high"))
        told = f"95 % interval {low} to {high}, which is {chance} other test sessions could change"
    return (
        f"On a generated shop of {say_size(about['scale'])} the network learnt {plural(about['epochs'], 'epoch')} with "
        f"each of {plural(seeds, 'seed')}. Trained by {several} processes at once it has in the mean a Recall@20 of "
        f"{means.at[several, 'recall@20']:.4f} and an MRR@20 of {means.at[several, 'mrr@20']:.4f}, trained by one "
        f"{means.at[one, 'recall@20']:.4f} and {means.at[one, 'mrr@20']:.4f}. Compared on each "
        f"of the same {clicks:,} test clicks, the Recall@20 differs by {points(apart['difference'], 2)} points "
        f"({told}). A training takes {taken[several]} instead of {taken[one]}: by the medians "
        f"{seconds.at[several, 'median'] / seconds.at[one, 'median']:.1f} times as long on the same cores, by the "
        f"fastest ones {seconds.at[several, 'min'] / seconds.at[one, 'min']:.1f} times."
    )


# ---------------------------------------------------------------- other programs


def tabulate_comparisons(results: Mapping[str, dict]) -> pd.DataFrame:
    """List every measured figure beside what it is compared with: what, ours, the other's, seconds, ratio, runs."""
    rows = []
    data = list_lines(results, "data")
    for stage, name in DATA_STAGES.items():
        lines = {line["engine"]: line for line in data if line["stage"] == stage}
        if {"smartrocket", "pandas"} <= lines.keys():
            own, other = lines["smartrocket"], lines["pandas"]
            rows.append((name, "plain pandas", own["seconds"], other["seconds"], own["runs"]))
    whole = next((line for line in data if line["stage"] == "all"), None)
    if whole and rows:
        sums = (whole[engine]["seconds"] for engine in ("smartrocket", "pandas"))
        rows.append(("all data stages", "plain pandas", *sums, rows[0][-1]))
    for line in list_lines(results, "forecasts"):
        rows.append((line["what"], line["other"], line["seconds"], line["other_seconds"], line["runs"]))
    # They learn a different number of epochs (see `describe_networks`), so that as many clicks are compared.
    lines = {line["model"]: line for line in list_lines(results, "recommenders")}
    for name, settings in ((ALIKE, "the same"), (NETWORK, "its own")):
        if {name, OFFICIAL} <= lines.keys():
            own, official = (1e6 / lines[each]["events_per_second"] for each in (name, OFFICIAL))
            runs = min(lines[each]["runs"] for each in (name, OFFICIAL))
            what = f"GRU4Rec with {settings} settings, on a million clicks"
            rows.append((what, "the official code", own, official, runs))
    frame = pd.DataFrame(rows, columns=["what", "beside", "seconds", "the other's seconds", "runs"])
    frame = frame.astype({"seconds": float, "the other's seconds": float})
    frame["times as long"] = frame["the other's seconds"] / frame["seconds"]
    return frame[["what", "seconds", "beside", "the other's seconds", "times as long", "runs"]]


def read_comparisons(results: Mapping[str, dict], frame: pd.DataFrame) -> str:
    """Say between which ratios the others lie, and what the data stages hold beside pandas: two paragraphs."""
    if frame.empty:
        return "Nothing was measured beside other programs: `make bench` does it."
    ratio = frame["times as long"]
    slowest, fastest = frame.loc[ratio.idxmax()], frame.loc[ratio.idxmin()]
    text = (
        f"The largest difference is in *{slowest.what}*: {slowest.beside} takes {slowest['times as long']:.1f} times "
        "as long."
    )
    if len(frame) > 1:
        text += (
            f" The smallest is in *{fastest.what}*, where {fastest.beside} takes {fastest['times as long']:.1f} times "
            "as long" + (", and so is the faster one." if fastest["times as long"] < 1 else ".")
        )
    whole = next((line for line in list_lines(results, "data") if line["stage"] == "all"), None)
    if whole:
        own, other = (whole[engine]["peak_megabytes"] for engine in ("smartrocket", "pandas"))
        text += (
            f"\n\nThe data stages hold {number(own)} MB at most, plain pandas {number(other)} MB; both make the same "
            "tables, which is checked, but for two counts of different values that the engine only estimates."
        )
    books = [line for line in list_lines(results, "data") if line.get("engine") == "notebook"] if whole else []
    if books:
        seconds, peak = sum(line["seconds"] for line in books), max(line["peak_megabytes"] for line in books)
        text += (
            f" With their figures, notebooks 1 to {len(books)} take {duration(seconds)} on the same shop"
            f"{say_runs(pd.Series([line['runs'] for line in books]))} and hold {number(peak)} MB at most."
        )
    if list_lines(results, "forecasts"):
        text += (
            " The classical forecasts are statsforecast's own models on both sides: what differs is the way to them."
        )
    return text


def describe_networks(results: Mapping[str, dict]) -> str:
    """Say what each of the two GRU4Rec codes was asked to do; nothing where they were not measured together."""
    lines = {line["model"]: line for line in list_lines(results, "recommenders")}
    about = results.get("recommenders", {}).get("about", {})
    if not about or not {NETWORK, OFFICIAL} <= lines.keys():
        return ""
    own, other = (
        f"{plural(about['networks'][name]['epochs'], 'epoch')} with {about['networks'][name]['units']} units and "
        f"{about['networks'][name]['batch']} clicks a step in {duration(lines[name]['train_seconds'])}"
        for name in (NETWORK, OFFICIAL)
    )
    alike = ""
    if ALIKE in lines:
        alike = (
            f"With the settings of the official code ours takes {duration(lines[ALIKE]['train_seconds'])} and has a "
            f"Recall@20 of {lines[ALIKE]['recall@20']:.4f}, against the official code's "
            f"{lines[OFFICIAL]['recall@20']:.4f}, on the same {about['asked']:,} next clicks. Neither says which code "
            "is the better one: each was trained once, from one draw of random numbers, and they walk through the "
            "clicks in different ways. Ours has whole sessions of like length side by side, the official code the next "
            "click of as many sessions as a step has clicks. Each has its threads wait for each other as its authors "
            "chose. "
        )
    return (
        f"Each GRU4Rec has its own settings for RetailRocket: ours learns {own}, the official code {other}. {alike}"
        "The first table compares the time for as many clicks. All of it is reckoned from the median epoch of each."
    )


def show_comparisons(frame: pd.DataFrame) -> str:
    """Return the table of comparisons as HTML; nothing where none was made."""
    if frame.empty:
        return ""
    formats = {"Seconds": ",.2f", "The other's seconds": ",.2f", "Times as long": ",.2f"}
    caption = "Beside other programs; medians where there are several runs"
    named = frame.rename(columns={"runs": "runs (of GRU4Rec, epochs)"})
    return table(named.rename(columns=capitalise), caption, formats).data


def show_recommenders(results: Mapping[str, dict]) -> str:
    """Return the table of the recommenders on the same sessions as HTML; nothing where none was measured."""
    lines = list_lines(results, "recommenders")
    if not lines:
        return ""
    names = {
        "model": "Model",
        "recall@20": "Recall@20",
        "mrr@20": "MRR@20",
        "train_seconds": "Training, s",
        "events_per_second": "Clicks learnt a second",
        "sessions_per_second": "Sessions answered a second",
    }
    frame = pd.DataFrame([{name: line.get(key) for key, name in names.items()} for line in lines])
    frame = frame.astype(dict.fromkeys(list(names.values())[1:], float))
    formats = {"Recall@20": ".4f", "MRR@20": ".4f", "Training, s": ",.1f"}
    formats |= dict.fromkeys(list(names.values())[4:], ",.0f")
    about = results["recommenders"].get("about", {})
    learnt = f" after the same {about['clicks']:,} clicks of {about['sessions']:,} sessions" if about else ""
    spaced = (
        ". The sessions have no times of their own and follow each other evenly"
        if about.get("is_evenly_spaced")
        else ""
    )
    caption = f"Every recommender{learnt}, by the protocol of the official code{spaced}"
    return table(frame, caption, formats).data


# ---------------------------------------------------------------- in the browser


def tabulate_pages(results: Mapping[str, dict]) -> pd.DataFrame:
    """List what publishing took and what the pages take in a browser: what, measured, unit, runs of what was timed."""
    rows = [(capitalise(line["what"]), line["seconds"], "s", line["runs"]) for line in list_lines(results, "site")]
    lines = list_lines(results, "pages")
    for line in lines:
        if line["measure"] == "first_view":
            what = f"First view of the dashboard's page {line['page']}"
            rows.append((what, line["milliseconds"] / 1000, "s", line["runs"]))
        if line["measure"] == "bytes":
            rows.append((f"Data that the dashboard's page {line['page']} loads", line["bytes"] / 1e6, "MB", None))
    filters = [line for line in lines if line["measure"] == "filter"]
    for measure in ("cards", "charts") if filters else ():
        slowest = max(filters, key=lambda line: line[measure])
        rows.append((f"New {measure} after a filter, the slowest", slowest[measure] / 1000, "s", slowest["runs"]))
    for line in lines:
        if line["measure"] == "recommend":
            what = f"A list of 20 out of {line['items']:,} products"
            rows.append((what, line["plain"] / 1000, "s", line["runs"]))
        if line["measure"] == "all_data":
            what = "Data of all pages of the dashboard, with what they load when asked"
            rows.append((what, line["bytes"] / 1e6, "MB", None))
    frame = pd.DataFrame(rows, columns=["What", "Measured", "Unit", "Runs"])
    return frame.astype({"Measured": float, "Runs": "Int64"})


def write_pages(results: Mapping[str, dict]) -> tuple[str, str]:
    """Return what the browser's times say, and their table as HTML; no table where none was measured."""
    frame = tabulate_pages(results)
    if frame.empty:
        return "How fast the pages are was not measured: `make bench` does it.", ""
    measured = [results[name] for name in ("site", "pages") if name in results]
    profiles = sorted({f"profile {section['about']['profile']}" for section in measured})
    waits = frame[(frame["Unit"] == "s") & ~frame["What"].str.startswith("Publishing")]
    text = "In the browser nothing was measured."
    if len(waits):
        longest = waits.loc[waits["Measured"].idxmax()]
        text = (
            f"The longest wait in a browser is {1000 * longest.Measured:,.0f} milliseconds, for this: {longest.What}."
        )
    return text, table(
        frame,
        f"The report of {joined(profiles)}; times are medians, those of pages in headless Chromium",
        {"Measured": ",.3f"},
    ).data


# ---------------------------------------------------------------- tests of the tests


def write_trials(results: Mapping[str, dict]) -> str:
    """Say how the report was tried: mutated files, faults, mistakes in the code, the lines that tests reach, and how
    long `make test` takes.
    """
    sentences = []
    for line in list_lines(results, "mutations"):
        wrong = len(line["wrong"])
        verdict = "none of them ended wrong" if not wrong else f"{wrong} of them ended wrong"
        sentences.append(
            f"**Bad input** (`make fuzz`): {line['tried']:,} mutations of raw files ({line['shops']:,}) and profiles "
            f"({line['profiles']:,}) were tried, and {verdict}. Right is that notebooks 1 to 3 keep just the events "
            "that an oracle of its own keeps, and count what was dropped as it does, or end in one clear error. Where "
            "a file is no longer CSV that every reader takes for the same rows (zero bytes, stray quotes), an error is "
            "as good." + say_where(results, "mutations")
        )
    for line in list_lines(results, "corners"):
        wrong = f"{joined(line['wrong'])} ended wrong" if line["wrong"] else "each is whole, and keeps every event"
        sentences.append(
            f"**Shops at the edge** (`make corners`): reports of {plural(len(line['shops']), 'small shop')} were "
            f"built, from notebook 1 to the site ({joined(line['shops'])}): {wrong}." + say_where(results, "corners")
        )
    faults = list_lines(results, "faults")
    sentences += [write_faults(line) + say_where(results, "faults") for line in faults]
    mutants = list_lines(results, "mutants")
    if mutants:
        scores = [f"*{line['module']}* {percent(line['score'])} of {line['tried']:,}" for line in mutants]
        left = sum(line["tried"] - line["killed"] for line in mutants)
        sentences.append(
            f"**Mistakes in the code** (`make mutants`): small ones were made one at a time, and the tests noticed in "
            f"{joined(scores)}. {plural(left, 'mistake')} of these modules survived." + say_where(results, "mutants")
        )
    for line in list_lines(results, "coverage"):
        sentences.append(
            f"**Reach** (`make coverage`): the unit tests run {percent(line['lines'])} of the library's "
            f"{line['statements']:,} lines of code and {percent(line['branches'])} of its branches."
            + say_where(results, "coverage")
        )
    for line in list_lines(results, "tests"):
        skipped = f" and skips {line['skipped']:,} for want of real rows" if line["skipped"] else ""
        sentences.append(
            f"**Tests** (`make clone`): in a fresh clone `make test` sets everything up, passes "
            f"{plural(line['passed'], 'test')}{skipped}, and ends after {number(line['seconds'])} seconds, "
            f"{number(line['test_seconds'])} of them for the tests." + say_where(results, "tests")
        )
    if not sentences:
        return "How the report stands bad input, faults and mistakes was not measured."
    return "\n".join(f"- {sentence}" for sentence in sentences)


def write_faults(line: Mapping) -> str:
    """Say which faults were made, at which stages the kills came, and what the builds after them gave."""
    killed = line["killed"]
    stages = [moment["stage"] for moment in killed["moments"]]
    hits = {
        "in notebooks": sum(stage not in ("prepare", "publish") for stage in stages),
        "while the pages were made": stages.count("publish"),
        "while the build was prepared": stages.count("prepare"),
    }
    spread = joined([f"{count} {where}" for where, count in hits.items() if count])
    met = [text for name, text in FAULTS.items() if name in line]
    # Each kill is one, and so are the two builds at once.
    faults = killed["kills"] + len(met) + 1
    wrong = [name.replace("_", " ") for name in line["wrong"]]
    verdict = f"something was wrong with these: {joined(wrong)}" if wrong else "they were the same"
    return (
        f"**Faults** (`make faults`): a build was killed at {plural(killed['kills'], 'random moment')} ({spread}), met "
        f"{joined(met)}, and ran twice at once. After each of these {faults} faults a plain build went on with what "
        f"was left. The {line['files']:,} files of its site were compared with those of an undisturbed build, but for "
        f"the times and the memory on this page, and its words in the search: {verdict}."
    )
