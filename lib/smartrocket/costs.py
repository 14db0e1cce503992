"""What a report costs: seconds, memory and bytes of each stage, and seconds of each model.

Only the page on performance states them: all other pages are the same in every build of the same commit and data.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from smartrocket.tables import table
from smartrocket.wording import duration, number, percent
from smartrocket.workspace import WRITERS, Workspace

FOLDERS = ("interim", "processed", "models")
MEASURES = {
    "training": "training",
    "days_training": "training for single days",
    "search": "search for settings",
    "finalists": "training of the finalists",
    "prediction": "forecasting the test",
    "ranking": "ranking the test's clicks",
    "audit": "the audit",
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


def name_measure(name: str) -> str:
    """Say in words what took the seconds of a measure: "finalists_seconds" -> "training of the finalists"."""
    kind = name.removesuffix("_seconds")
    return MEASURES.get(kind, kind)


def write_measures(manifests: Sequence[Mapping]) -> tuple[str, str]:
    """Return a sentence about what each model's training, search and answers took, and the table as HTML, if any."""
    rows = [
        (manifest["notebook"], measure["model"] or "all", name_measure(measure["name"]), measure["value"])
        for manifest in manifests
        for measure in manifest["measures"]
        if measure["name"].endswith("_seconds")
    ]
    if not rows:
        return "No model was trained in this run.", ""
    frame = pd.DataFrame(rows, columns=["Notebook", "Model", "What", "Seconds"])
    shown = table(frame, caption="What each model took in this run", formats={"Seconds": ",.2f"}).data
    return "A search that went on after a break counts the time of all its trials.", shown
