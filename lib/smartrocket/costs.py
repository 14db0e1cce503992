"""What a report costs: seconds, memory and bytes of each stage, and seconds of each model.

Only the page on performance states them: all other pages are the same in every build of the same commit and data.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from smartrocket.tables import table
from smartrocket.wording import duration, number, percent
from smartrocket.workspace import WRITERS, Workspace

FOLDERS = ("interim", "processed", "models")
# What took the seconds of a measure, by the column that they are added to.
MEASURES = {
    "search": "Search, s",
    "finalists": "Search, s",
    "training": "Training, s",
    "days_training": "Training, s",
    "prediction": "Answers to the test, s",
    "ranking": "Answers to the test, s",
    "audit": "Audit, s",
}


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


def write_measures(manifests: Sequence[Mapping]) -> tuple[str, str]:
    """Return what each model's search, training and answers took: a sentence, and the table as HTML, if any."""
    rows = [
        (measure["model"] or "all models", MEASURES[measure["name"].removesuffix("_seconds")], measure["value"])
        for manifest in manifests
        for measure in manifest["measures"]
        if measure["name"].endswith("_seconds")
    ]
    if not rows:
        return "No model was trained in this run.", ""
    frame = pd.DataFrame(rows, columns=["Model", "What", "Seconds"])
    names = [name for name in dict.fromkeys(MEASURES.values()) if name in set(frame["What"])]
    models = list(dict.fromkeys(frame["Model"]))
    sums = frame.pivot_table(index="Model", columns="What", values="Seconds", aggfunc="sum").loc[models, names]
    shown = table(sums.reset_index(), "What each model took in this run", dict.fromkeys(names, ",.2f")).data
    return (
        "A search has its finalists' training in it; one that went on after a break counts the time of all its trials.",
        shown,
    )
